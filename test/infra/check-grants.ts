/**
 * Every role that the templates assign, and whether it is one of those that they may: to which identity, and on what.
 * Whatever is not in the table is a finding, so that no right is ever added in passing.
 */
import { ofType, outputOf, type Resource, scopeOf } from "./templates.ts";

interface Grant {
  identity: string;
  role: string;
  /** Type and last name of the resource that it is assigned on. */
  on: string;
}

export const signOnly = "Microsoft.KeyVault/vaults/keys/sign/action";
const unwrapOnly = "Microsoft.KeyVault/vaults/keys/unwrap/action";

/** Built-in roles that are known here. Those of Key Vault are missing on purpose: even the narrowest can do more. */
const builtInRoles: Readonly<Record<string, string>> = {
  "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
  "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
  "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
  "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
  "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
  "3b03c2da-16b3-4a49-8834-0f8130efdd3b": "Log Analytics Data Reader",
  "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
};

const allowed: readonly Grant[] = [
  { identity: "signing", role: signOnly, on: "keys/billing" },
  { identity: "signing", role: signOnly, on: "keys/idp-publisher" },
  { identity: "storage", role: "Storage Blob Data Owner", on: "storageAccounts/kholdhost" },
  { identity: "storage", role: "Storage Blob Data Reader", on: "containers/policy" },
  { identity: "storage", role: "Storage Blob Data Contributor", on: "containers/metadata" },
  { identity: "storage", role: "Storage Table Data Contributor", on: "tables/ledger" },
  { identity: "storage", role: "Storage Table Data Contributor", on: "tables/audit" },
  { identity: "sharedCache", role: unwrapOnly, on: "keys/shared-cache" },
  { identity: "sharedCache", role: "Storage Table Data Contributor", on: "tables/tokens" },
  { identity: "monitoring", role: "Monitoring Metrics Publisher", on: "components/keyhold-sample-insights" },
  { identity: "monitoring", role: "Log Analytics Data Reader", on: "workspaces/keyhold-sample-logs" },
  { identity: "alerts", role: "Log Analytics Reader", on: "workspaces/keyhold-sample-logs" },
];

const print = ({ identity, role, on }: Grant) => `${identity} has "${role}" on ${on}`;

export function checkGrants(resources: readonly Resource[]): string[] {
  const given = ofType("Microsoft.Authorization/roleAssignments", resources).map((each) =>
    print(read(each, resources)),
  );
  const needed = allowed.map(print);
  return [
    ...given
      .filter((each) => !needed.includes(each))
      .map((each) => `${each}, which is not allowed: narrow or remove it`),
    ...needed.filter((each) => !given.includes(each)).map((each) => `missing: ${each}. Assign it`),
    ...ofType("Microsoft.Authorization/roleDefinitions", resources).flatMap(checkRole),
  ];
}

/** Our own roles can have a key sign, or unwrap, and nothing else. */
function checkRole({ properties }: Resource): string[] {
  const action = String(properties.roleName).startsWith("Keyhold unwrapper") ? unwrapOnly : signOnly;
  const expected = JSON.stringify([{ actions: [], notActions: [], dataActions: [action], notDataActions: [] }]);
  if (JSON.stringify(properties.permissions) === expected) return [];
  return [`role "${properties.roleName}" must have the permissions ${expected}: remove all others`];
}

function read(assignment: Resource, resources: readonly Resource[]): Grant {
  const { principalId, roleDefinitionId } = assignment.properties;
  const own = ofType("Microsoft.Authorization/roleDefinitions", resources).find(({ id }) => id === roleDefinitionId);
  const guid = String(roleDefinitionId).split("/").at(-1) ?? "";
  const [, identity = principalId] = /^identities\.(\w+?)\.?[pP]rincipalId$/.exec(outputOf(principalId) ?? "") ?? [];
  const scope = scopeOf(assignment).split("/").slice(-2).join("/");
  // The name of an account ends with a hash.
  const on = scope.replace(/^(storageAccounts\/kholdhost|storageAccounts\/kholddata|vaults\/keyhold-)\w+$/, "$1");
  return { identity, role: own?.properties.permissions[0]?.dataActions[0] ?? builtInRoles[guid] ?? guid, on };
}
