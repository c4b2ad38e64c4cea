import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkGrants, signOnly } from "./check-grants.ts";
import { ofType, type Resource, resources, theResource, withChanged } from "./templates.ts";

const roleType = "Microsoft.Authorization/roleDefinitions";
const assignmentType = "Microsoft.Authorization/roleAssignments";

/** The name of the one assignment on a scope that ends so. */
function assignmentOn(scope: string): string {
  const found = ofType(assignmentType).filter(({ id }) => id.includes(`${scope}/providers/Microsoft.Authorization`));
  assert.equal(found.length, 1, scope);
  return found[0]?.name ?? "";
}

const withAssignment = (scope: string, change: (assignment: Resource) => void) =>
  withChanged(assignmentType, assignmentOn(scope), change);

describe("the rights that the templates give", () => {
  test("each identity has exactly those that it needs, on what it needs them for", () => {
    assert.deepEqual(checkGrants(resources), []);
  });
});

describe("the check of rights finds", () => {
  const nameOf = (role: string) =>
    ofType(roleType).find(({ properties }) => properties.roleName.startsWith(role))?.name ?? "";
  const ours = (change: (permissions: Record<string, string[]>) => void, role = "Keyhold signer") =>
    withChanged(roleType, nameOf(role), ({ properties }) => change(properties.permissions[0]));
  const roles: [fault: string, seeded: Resource[]][] = [
    ["a second data action", ours(({ dataActions }) => dataActions?.push("Microsoft.KeyVault/vaults/keys/read"))],
    ["a wildcard", ours((it) => Object.assign(it, { dataActions: ["Microsoft.KeyVault/vaults/keys/*/action"] }))],
    ["the right to sign", ours((it) => Object.assign(it, { dataActions: [signOnly] }), "Keyhold unwrapper")],
    ["an action of the control plane", ours(({ actions }) => actions?.push("Microsoft.KeyVault/vaults/write"))],
  ];
  for (const [fault, seeded] of roles) {
    test(`${fault} in our own role`, () => {
      assert.match(
        checkGrants(seeded).join("\n"),
        /^role "Keyhold (signer|unwrapper) \w+" must have the permissions .*: remove all/m,
      );
    });
  }

  const vault = theResource("Microsoft.KeyVault/vaults").id;
  const builtIn = (guid: string) => `/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/${guid}`;
  const to = (identity: string) => (it: Resource) => {
    it.properties.principalId = it.properties.principalId.replace(/outputs\.\w+/, `outputs.${identity}`);
  };
  const moved: [fault: string, seeded: Resource[], given: string, missing: string][] = [
    [
      "the right to sign with every key of the vault",
      withAssignment("keys/billing", (it) => Object.assign(it, { id: `${vault}/providers/${it.type}/${it.name}` })),
      `signing has "${signOnly}" on vaults/keyhold-`,
      `signing has "${signOnly}" on keys/billing`,
    ],
    [
      "the right to sign for the whole resource group",
      withAssignment("keys/billing", (it) =>
        Object.assign(it, { id: it.id.replace(/\/providers.*(?=\/providers)/, "") }),
      ),
      `signing has "${signOnly}" on resourceGroups/rg-keyhold-sample`,
      `signing has "${signOnly}" on keys/billing`,
    ],
    [
      "a built-in role of Key Vault",
      withAssignment("keys/billing", ({ properties }) => {
        properties.roleDefinitionId = builtIn("12338af0-0e69-4776-bea7-57ae8d297424");
      }),
      'signing has "12338af0-0e69-4776-bea7-57ae8d297424" on keys/billing',
      `signing has "${signOnly}" on keys/billing`,
    ],
    [
      "the right to sign for the identity that reaches storage",
      withAssignment("keys/billing", to("storage")),
      `storage has "${signOnly}" on keys/billing`,
      `signing has "${signOnly}" on keys/billing`,
    ],
    [
      "the right to write the policy",
      withAssignment("containers/policy", ({ properties }) => {
        properties.roleDefinitionId = builtIn("ba92f5b4-2d11-453d-a403-e96b0029c9fe");
      }),
      'storage has "Storage Blob Data Contributor" on containers/policy',
      'storage has "Storage Blob Data Reader" on containers/policy',
    ],
    [
      "the right to send telemetry for the identity that signs",
      withAssignment("components/keyhold-sample-insights", to("signing")),
      'signing has "Monitoring Metrics Publisher" on components/keyhold-sample-insights',
      'monitoring has "Monitoring Metrics Publisher" on components/keyhold-sample-insights',
    ],
  ];
  for (const [fault, seeded, given, missing] of moved) {
    test(`${fault}, and that what was needed is missing`, () => {
      assert.deepEqual(checkGrants(seeded), [
        `${given}, which is not allowed: narrow or remove it`,
        `missing: ${missing}. Assign it`,
      ]);
    });
  }

  test("a right too many, whoever gets it", () => {
    const extra = structuredClone(theResource(assignmentType, assignmentOn("containers/policy")));
    extra.properties.principalId = "00000000-0000-4000-8000-00000000dead";
    assert.deepEqual(checkGrants([...resources, extra]), [
      '00000000-0000-4000-8000-00000000dead has "Storage Blob Data Reader" on containers/policy, which is not allowed: ' +
        "narrow or remove it",
    ]);
  });
});
