import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkShapes } from "./bicep/check-shapes.ts";
import { printFinding } from "./bicep/finding.ts";
import { resourceShapes } from "./bicep/resource-shapes.ts";
import { assertFound, type Fault, infra, withFault } from "./bicep/seeded-fault.ts";

describe("the resources of the templates", () => {
  for (const [path, file] of infra) {
    test(`${path} has the properties that Azure knows, and those that it requires`, () => {
      assert.deepEqual(checkShapes(file).map(printFinding), []);
    });
  }

  test("no type is described in the table that is not used", () => {
    const used = new Set([...infra.values()].flatMap(({ resources }) => resources.map(({ type }) => type)));
    assert.deepEqual(
      Object.keys(resourceShapes).filter((type) => !used.has(type)),
      [],
    );
  });
});

describe("the check of properties", () => {
  const vault = "infra/modules/key-vault.bicep";
  const app = "infra/modules/function-app.bicep";
  const monitoring = "infra/modules/monitoring.bicep";
  const faults: Fault[] = [
    {
      fault: "a property that does not exist",
      path: vault,
      from: "enablePurgeProtection: true",
      to: "purgeProtection: true",
      expected: "vault.properties has no property purgeProtection: correct or remove it",
    },
    {
      fault: "a property that is required and missing",
      path: vault,
      from: "    tenantId: tenant().tenantId\n",
      to: "",
      near: "properties: {",
      expected: "vault.properties lacks tenantId: add it",
    },
    {
      fault: "text where true or false belongs",
      path: vault,
      from: "enableSoftDelete: true",
      to: "enableSoftDelete: 'true'",
      expected: "vault.properties.enableSoftDelete must be true or false, but is 'true': correct it",
    },
    {
      fault: "text where a number belongs",
      path: vault,
      from: "softDeleteRetentionInDays: 90",
      to: "softDeleteRetentionInDays: '90'",
      expected: "vault.properties.softDeleteRetentionInDays must be a number, but is '90': correct it",
    },
    {
      fault: "a value that is not one of those",
      path: vault,
      from: "keyOps: ['sign']",
      to: "keyOps: ['Sign']",
      expected:
        "keys.properties.keyOps[0] must be one of sign, verify, encrypt, decrypt, wrapKey, unwrapKey, import, release, " +
        "but is 'Sign': correct it",
    },
    {
      fault: "such a value behind a condition",
      path: vault,
      from: "? 'Disabled' : 'Enabled'",
      to: "? 'Off' : 'Enabled'",
      expected: "vault.properties.publicNetworkAccess must be one of Enabled, Disabled, but is 'Off': correct it",
    },
    {
      fault: "one value where a list belongs",
      path: "infra/modules/network.bicep",
      from: "addressPrefixes: [addressPrefix]",
      to: "addressPrefixes: '10.0.0.0/24'",
      expected: "network.properties.addressSpace.addressPrefixes must be an array, but is '10.0.0.0/24': correct it",
    },
    {
      fault: "an API version that is not the one",
      path: vault,
      from: "'Microsoft.KeyVault/vaults@2026-02-01'",
      to: "'Microsoft.KeyVault/vaults@2023-07-01'",
      expected:
        "vault is of a type that is not known here, Microsoft.KeyVault/vaults@2023-07-01: " +
        "use Microsoft.KeyVault/vaults@2026-02-01",
    },
    {
      fault: "a type that nobody described",
      path: monitoring,
      from: "'Microsoft.Insights/components@2020-02-02'",
      to: "'Microsoft.Insights/webtests@2022-06-15'",
      expected:
        "insights is of a type that is not known here, Microsoft.Insights/webtests@2022-06-15: " +
        "add it to test/infra/bicep/resource-shapes.ts",
    },
    {
      fault: "a child without its parent",
      path: app,
      from: "  parent: app\n  name: 'appsettings'",
      to: "  name: 'appsettings'",
      near: "resource appSettings",
      expected: "appSettings lacks parent: add it",
    },
    {
      fault: "a property of an existing resource",
      path: "infra/modules/signing-role.bicep",
      from: "  name: vaultName\n",
      to: "  name: vaultName\n  location: 'x'\n",
      near: "location: 'x'",
      expected: "vault has no property location: correct or remove it",
    },
    {
      fault: "a module that is for no resource group",
      path: "infra/main.bicep",
      from: "  scope: group\n  name: 'network'",
      to: "  name: 'network'",
      near: "module network",
      expected: "network lacks scope: add it",
    },
  ];
  for (const fault of faults) {
    test(`${fault.fault} is found`, () => {
      const { file, text } = withFault(fault);
      assertFound(checkShapes(file), fault, text);
    });
  }

  test("a misspelt member deep in a list is found as unknown and as missing", () => {
    const [from, to] = ["instanceCount: alwaysReadyInstances", "count: alwaysReadyInstances"];
    const { file } = withFault({ path: app, from, to });
    const place = "app.properties.functionAppConfig.scaleAndConcurrency.alwaysReady[0]";
    assert.deepEqual(
      checkShapes(file).map(({ text }) => text),
      [`${place} has no property count: correct or remove it`, `${place} lacks instanceCount: add it`],
    );
  });
});
