import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkHardening, rules } from "./bicep/check-hardening.ts";
import { printFinding } from "./bicep/finding.ts";
import { assertFound, type Fault, infra, withFault } from "./bicep/seeded-fault.ts";

const data = "infra/modules/storage-data.bicep";
const host = "infra/modules/storage-host.bicep";
const vault = "infra/modules/key-vault.bicep";
const monitoring = "infra/modules/monitoring.bicep";
const app = "infra/modules/function-app.bicep";

describe("the resources of the templates", () => {
  for (const [path, file] of infra) {
    test(`${path} leaves no door open`, () => assert.deepEqual(checkHardening(file).map(printFinding), []));
  }

  test("every rule has a resource that it is for", () => {
    const types = [...infra.values()].flatMap(({ resources }) => resources.map(({ type }) => type.split("@")[0]));
    for (const { type } of rules) assert.ok(types.includes(type), type);
  });
});

describe("the check of open doors", () => {
  const elsewhere = "since a stolen token is of no use from elsewhere: correct it";
  const closed = "must be 'Disabled' or empty(operatorAddressRanges) ? 'Disabled' : 'Enabled'";
  const hardware = "since the keys are in hardware: correct it";
  const faults: Fault[] = [
    {
      fault: "a key that can do more than sign",
      path: vault,
      from: "keyOps: ['sign']",
      to: "keyOps: ['sign', 'decrypt']",
      expected: "keys: properties.keyOps must be ['sign'], since the key is for one thing: correct it",
    },
    {
      fault: "a key that can be exported",
      path: vault,
      from: "exportable: false",
      to: "exportable: true",
      expected:
        "keys: properties.attributes.exportable must be false, since the key never leaves the vault: correct it",
    },
    {
      fault: "a key in software",
      path: vault,
      from: "kty: 'RSA-HSM'",
      to: "kty: 'RSA'",
      expected: `keys: properties.kty must be 'RSA-HSM', ${hardware}`,
    },
    {
      fault: "a vault without hardware",
      path: vault,
      from: "name: 'premium'",
      to: "name: 'standard'",
      expected: `vault: properties.sku.name must be 'premium', ${hardware}`,
    },
    {
      fault: "a key that rotates by itself",
      path: vault,
      from: "      keySize: keySize\n",
      to: "      keySize: keySize\n      rotationPolicy: {}\n",
      near: "rotationPolicy: {}",
      expected: "keys: properties.rotationPolicy must not be there, since Entra would not know the new key: correct it",
    },
    {
      fault: "a vault that can be purged",
      path: vault,
      from: "enablePurgeProtection: true",
      to: "enablePurgeProtection: false",
      expected:
        "vault: properties.enablePurgeProtection must be true, since nobody can destroy a key before that: correct it",
    },
    {
      fault: "a vault on the internet",
      path: vault,
      from: "publicNetworkAccess: empty(operatorAddressRanges) ? 'Disabled' : 'Enabled'",
      to: "publicNetworkAccess: 'Enabled'",
      expected: `vault: properties.publicNetworkAccess ${closed}, ${elsewhere}`,
    },
    {
      fault: "a vault that is open to all addresses",
      path: vault,
      from: "defaultAction: 'Deny'",
      to: "defaultAction: 'Allow'",
      expected: `vault: properties.networkAcls.defaultAction must be 'Deny', ${elsewhere}`,
    },
    {
      fault: "a vault that is open to other services",
      path: vault,
      from: "bypass: 'None'",
      to: "bypass: 'AzureServices'",
      expected:
        "vault: properties.networkAcls.bypass must be 'None', since other services of Azure are elsewhere too: correct it",
    },
    {
      fault: "a vault with access policies",
      path: vault,
      from: "    enableRbacAuthorization: true\n",
      to: "",
      near: "resource vault",
      expected:
        "vault: properties.enableRbacAuthorization must be true, since permissions of the one who signs are roles on " +
        "keys: correct it",
    },
    {
      fault: "a log in the table of all services",
      path: vault,
      from: "logAnalyticsDestinationType: 'Dedicated'",
      to: "logAnalyticsDestinationType: 'AzureDiagnostics'",
      expected:
        "everyOperation: properties.logAnalyticsDestinationType must be 'Dedicated', since the audit reads " +
        "AZKVAuditLogs: correct it",
    },
    {
      fault: "a vault whose operations are not logged",
      path: vault,
      from: "categoryGroup: 'audit'\n        enabled: true",
      to: "categoryGroup: 'audit'\n        enabled: false",
      near: "resource vault",
      expected: "vault has no diagnostic setting for the category group audit in this file: add it",
    },
    {
      fault: "a storage account with shared keys",
      path: host,
      from: "allowSharedKeyAccess: false",
      to: "allowSharedKeyAccess: true",
      expected:
        "account: properties.allowSharedKeyAccess must be false, since a shared key has every right and no name: " +
        "correct it",
    },
    {
      fault: "a storage account that may have public blobs",
      path: data,
      from: "allowBlobPublicAccess: false",
      to: "allowBlobPublicAccess: true",
      expected: "account: properties.allowBlobPublicAccess must be false, since the policy names customers: correct it",
    },
    {
      fault: "telemetry that needs no identity",
      path: monitoring,
      from: "DisableLocalAuth: true",
      to: "DisableLocalAuth: false",
      expected:
        "insights: properties.DisableLocalAuth must be true, since else anybody can write false events: correct it",
    },
    {
      fault: "an app without TLS",
      path: app,
      from: "httpsOnly: true",
      to: "httpsOnly: false",
      expected: "app: properties.httpsOnly must be true, since tokens must not be sent in the clear: correct it",
    },
    {
      fault: "deployment with a password",
      path: app,
      from: "allow: false",
      to: "allow: true",
      expected:
        "noPasswordForDeployment: properties.allow must be false, since nobody deploys with a password: correct it",
    },
    {
      fault: "a key of a storage account",
      path: host,
      from: "output blobServiceUri string = account.properties.primaryEndpoints.blob",
      to: "output blobServiceUri string = account.listKeys().keys[0].value",
      expected: "listKeys reads a secret: use an identity and a role",
    },
  ];
  for (const fault of faults) {
    test(`${fault.fault} is found`, () => {
      const { file, text } = withFault(fault);
      assertFound(checkHardening(file), fault, text);
    });
  }
});
