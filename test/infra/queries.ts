import { readdirSync, readFileSync } from "node:fs";
import { queryText, sample } from "../../local/drills/alerts/rules.ts";

const folder = new URL("../../infra/queries/", import.meta.url);

/** infra/queries, file name to text. */
export const queries: ReadonlyMap<string, string> = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith(".kql"))
    .map((name) => [name, readFileSync(new URL(name, folder), "utf8")]),
);

/** What the sample deployment puts in for the placeholders of a query; the rest is known to a deployment only. */
const placeholders: Readonly<Record<string, string>> = {
  "<keyVaultId>": sample.vaultId,
  "<applicationInsightsId>": sample.insightsId,
  "<dataAccountName>": sample.dataAccount,
  "<hostAccountName>": sample.hostAccount,
  "<resourceGroupName>": "rg-keyhold-sample",
  "<deploymentPrincipalId>": sample.deployer,
  "<signHardCap>": "6000",
};

/** As it is deployed. */
export function deployed(query: string): string {
  const known = Object.entries(placeholders).reduce((text, [name, value]) => text.replaceAll(name, value), query);
  return queryText(known);
}
