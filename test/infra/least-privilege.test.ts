import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkGrants } from "./bicep/check-grants.ts";
import { printFinding } from "./bicep/finding.ts";
import { assertFound, type Fault, infra, withFault } from "./bicep/seeded-fault.ts";

const signing = "infra/modules/signing-role.bicep";
const data = "infra/modules/storage-data.bicep";
const containers = "Microsoft.Storage/storageAccounts/blobServices/containers";
const signOnly = "Microsoft.KeyVault/vaults/keys/sign/action";

describe("the rights that the templates give", () => {
  test("each identity has exactly those that it needs, on what it needs them for", () => {
    assert.deepEqual(checkGrants(infra).map(printFinding), []);
  });
});

describe("the check of rights", () => {
  const role = "must have the permissions [{ actions: [], notActions: [], dataActions: ";
  const onlySign = `role signer ${role}['${signOnly}'], notDataActions: [] }]: remove all others`;
  const faults: Fault[] = [
    {
      fault: "a second data action",
      path: signing,
      from: `dataActions: ['${signOnly}']`,
      to: `dataActions: ['${signOnly}', 'Microsoft.KeyVault/vaults/keys/read']`,
      near: "resource signer",
      expected: onlySign,
    },
    {
      fault: "a data action with a wildcard",
      path: signing,
      from: signOnly,
      to: "Microsoft.KeyVault/vaults/keys/*/action",
      near: "resource signer",
      expected: onlySign,
    },
    {
      fault: "an action of the control plane",
      path: signing,
      from: "actions: []",
      to: "actions: ['Microsoft.KeyVault/vaults/write']",
      near: "resource signer",
      expected: onlySign,
    },
  ];
  for (const fault of faults) {
    test(`${fault.fault} is found`, () => {
      const { files, text } = withFault(fault);
      assertFound(checkGrants(files), fault, text);
    });
  }

  // A right that is moved or changed is one too many, and one that is missing.
  const moved: (Omit<Fault, "expected"> & { given: string; missing: string })[] = [
    {
      fault: "the right to sign with every key of the vault",
      path: signing,
      from: "scope: keys[i]",
      to: "scope: vault",
      given: `signs gives "${signOnly}" on Microsoft.KeyVault/vaults (vault) to signing`,
      missing: `signing lacks "${signOnly}" on Microsoft.KeyVault/vaults/keys`,
    },
    {
      fault: "the right to sign for the whole resource group",
      path: signing,
      from: "    scope: keys[i]\n",
      to: "",
      given: `signs gives "${signOnly}" on the whole resource group (undefined) to signing`,
      missing: `signing lacks "${signOnly}" on Microsoft.KeyVault/vaults/keys`,
    },
    {
      fault: "a built-in role of Key Vault",
      path: signing,
      from: "roleDefinitionId: signer.id",
      to:
        "roleDefinitionId: " +
        "subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '12338af0-0e69-4776-bea7-57ae8d297424')",
      given: 'signs gives "12338af0-0e69-4776-bea7-57ae8d297424" on Microsoft.KeyVault/vaults/keys (keys) to signing',
      missing: `signing lacks "${signOnly}" on Microsoft.KeyVault/vaults/keys`,
    },
    {
      fault: "the right to sign for the identity that reaches storage",
      path: "infra/main.bicep",
      from: "signingPrincipalId: identities.outputs.signing.principalId",
      to: "signingPrincipalId: identities.outputs.storage.principalId",
      given: `signs gives "${signOnly}" on Microsoft.KeyVault/vaults/keys (keys) to storage`,
      missing: `signing lacks "${signOnly}" on Microsoft.KeyVault/vaults/keys`,
    },
    {
      fault: "the right to write the policy",
      path: data,
      from: "roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataReader)",
      to: "roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)",
      given: `readsPolicy gives "Storage Blob Data Contributor" on ${containers} (policy) to storage`,
      missing: 'storage lacks "Storage Blob Data Reader" on policy',
    },
    {
      fault: "the right to every table of the account",
      path: data,
      from: "scope: ledger",
      to: "scope: account",
      given:
        'writesLedger gives "Storage Table Data Contributor" on Microsoft.Storage/storageAccounts (account) to storage',
      missing: 'storage lacks "Storage Table Data Contributor" on ledger',
    },
    {
      fault: "the right to read logs for the identity that signs",
      path: "infra/main.bicep",
      from: "monitoringPrincipalId: identities.outputs.monitoring.principalId",
      to: "monitoringPrincipalId: identities.outputs.signing.principalId",
      given:
        'sendsTelemetry gives "Monitoring Metrics Publisher" on Microsoft.Insights/components (insights) to signing',
      missing: 'monitoring lacks "Monitoring Metrics Publisher" on Microsoft.Insights/components',
    },
  ];
  for (const { given, missing, ...fault } of moved) {
    test(`${fault.fault} is found, and that what was needed is missing`, () => {
      const found = checkGrants(withFault(fault).files).map(({ text }) => text);
      assert.ok(found.includes(`${given}, which is not allowed: narrow or remove it`), found.join("\n"));
      assert.ok(found.includes(`${missing}, without which the app does not work: assign it`), found.join("\n"));
    });
  }

  test("a right that is given in another module is found, whoever gets it", () => {
    const path = "infra/modules/private-endpoint.bicep";
    const to = `resource extra 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(targetId)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
    principalId: zoneId
    principalType: 'ServicePrincipal'
  }
}

resource endpoint `;
    const fault = withFault({ path, from: "resource endpoint ", to });
    const found = checkGrants(fault.files);
    assert.equal(found.length, 1);
    assert.match(found[0]?.text ?? "", /^extra gives "Storage Blob Data Reader" on the whole resource group/);
  });
});
