import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../../infra/queries/", import.meta.url);

/** infra/queries, file name to text. */
export const queries: ReadonlyMap<string, string> = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith(".kql"))
    .map((name) => [name, readFileSync(new URL(name, folder), "utf8")]),
);

/** What the templates put in for the placeholders of a query, which are the names of their parameters. */
export const placeholders: Readonly<Record<string, string>> = {
  "<keyVaultId>": "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/v",
  "<applicationInsightsId>": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Insights/components/a",
  "<signingIdentityPrincipalId>": "90000000-0000-4000-8000-000000000001",
};

/** As it is deployed. */
export function deployed(query: string): string {
  return Object.entries(placeholders).reduce((text, [name, value]) => text.replaceAll(name, value), query);
}
