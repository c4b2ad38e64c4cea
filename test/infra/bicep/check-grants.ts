import { dirname, posix } from "node:path";
import type { Finding } from "./finding.ts";
import type { BicepFile, Resource } from "./parse.ts";
import { at, show } from "./value.ts";

/**
 * Every role that the templates assign, and whether it is one of those that they may: to which identity, and on what.
 * Whatever is not in the table is a finding, so that no right is ever added in passing.
 */
interface Grant {
  identity: "signing" | "storage" | "monitoring";
  role: string;
  /** Type of the resource that it is assigned on. */
  on: string;
  /** Its symbol, where there are several of the type. */
  symbol?: string;
}

const signOnly = "Microsoft.KeyVault/vaults/keys/sign/action";
const containers = "Microsoft.Storage/storageAccounts/blobServices/containers";
const tables = "Microsoft.Storage/storageAccounts/tableServices/tables";

/** Built-in roles that are known here. Those of Key Vault are missing on purpose: even the narrowest can do more. */
const builtInRoles: Readonly<Record<string, string>> = {
  "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
  "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
  "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
  "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
  "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
  "3b03c2da-16b3-4a49-8834-0f8130efdd3b": "Log Analytics Data Reader",
};

const hostModule = "infra/modules/storage-host.bicep";
export const allowed: readonly (Grant & { file: string })[] = [
  {
    file: "infra/modules/signing-role.bicep",
    identity: "signing",
    role: signOnly,
    on: "Microsoft.KeyVault/vaults/keys",
  },
  { file: hostModule, identity: "storage", role: "Storage Blob Data Owner", on: "Microsoft.Storage/storageAccounts" },
  ...(
    [
      ["Storage Blob Data Reader", containers, "policy"],
      ["Storage Blob Data Contributor", containers, "metadata"],
      ["Storage Table Data Contributor", tables, "ledger"],
      ["Storage Table Data Contributor", tables, "audit"],
    ] as const
  ).map(([role, on, symbol]) => ({
    file: "infra/modules/storage-data.bicep",
    identity: "storage" as const,
    role,
    on,
    symbol,
  })),
  ...(
    [
      ["Monitoring Metrics Publisher", "Microsoft.Insights/components"],
      ["Log Analytics Data Reader", "Microsoft.OperationalInsights/workspaces"],
    ] as const
  ).map(([role, on]) => ({ file: "infra/modules/monitoring.bicep", identity: "monitoring" as const, role, on })),
];

const main = "infra/main.bicep";

export function checkGrants(files: ReadonlyMap<string, BicepFile>): Finding[] {
  const findings: Finding[] = [];
  const unused = new Set(allowed);
  for (const file of files.values()) {
    for (const resource of file.resources.filter(({ existing }) => !existing)) {
      if (isOf(resource, "Microsoft.Authorization/roleDefinitions")) findings.push(...checkRole(file, resource));
      if (!isOf(resource, "Microsoft.Authorization/roleAssignments")) continue;
      const grant = readGrant(file, resource, files);
      const match = allowed.find(
        (each) =>
          each.file === file.path &&
          each.identity === grant.identity &&
          each.role === grant.role &&
          each.on === grant.on &&
          (each.symbol ?? grant.symbol) === grant.symbol,
      );
      if (match) unused.delete(match);
      else {
        const text = `${resource.symbol} gives "${grant.role}" on ${grant.on} (${grant.symbol}) to ${grant.identity}, which`;
        findings.push({ file: file.path, line: resource.line, text: `${text} is not allowed: narrow or remove it` });
      }
    }
  }
  for (const { file, identity, role, on, symbol } of unused) {
    const text = `${identity} lacks "${role}" on ${symbol ?? on}, without which the app does not work: assign it`;
    findings.push({ file, line: 1, text });
  }
  return findings;
}

function isOf(resource: Resource, type: string): boolean {
  return resource.type.startsWith(`${type}@`);
}

/** Our own role can have a key sign, and nothing else. */
function checkRole(file: BicepFile, { symbol, line, body }: Resource): Finding[] {
  const permissions = show(at(body, "properties.permissions"));
  const expected = `[{ actions: [], notActions: [], dataActions: ['${signOnly}'], notDataActions: [] }]`;
  if (permissions === expected) return [];
  return [{ file: file.path, line, text: `role ${symbol} must have the permissions ${expected}: remove all others` }];
}

function readGrant(file: BicepFile, resource: Resource, files: ReadonlyMap<string, BicepFile>) {
  const symbol = show(at(resource.body, "scope")).replace(/\[.*$/, "");
  const on = file.resources.find((each) => each.symbol === symbol)?.type.split("@")[0] ?? "the whole resource group";
  const principal = show(at(resource.body, "properties.principalId"));
  return {
    symbol,
    on,
    role: readRole(file, show(at(resource.body, "properties.roleDefinitionId"))),
    identity: identityOf(file, principal, files),
  };
}

function readRole(file: BicepFile, text: string): string {
  const own = file.resources.find(
    (each) => isOf(each, "Microsoft.Authorization/roleDefinitions") && text === `${each.symbol}.id`,
  );
  if (own) return signOnly;
  const id = /roleDefinitions', *'?([\w-]+)'?\)$/.exec(text)?.[1] ?? text;
  const variable = file.variables.find(({ name }) => name === id)?.value;
  const guid = variable?.kind === "string" ? variable.text : id;
  return builtInRoles[guid] ?? guid;
}

/** Whose object id it is: what main.bicep passes for the parameter. Each module is called once. */
function identityOf(file: BicepFile, principal: string, files: ReadonlyMap<string, BicepFile>): string {
  const caller = files.get(main);
  const module = caller?.modules.find(({ source }) => posix.join(dirname(main), source) === file.path);
  const passed = show(at(module?.body, `params.${principal}`));
  return /^identities\.outputs\.(\w+)\.principalId$/.exec(passed)?.[1] ?? principal;
}
