import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkHardening, checkSecrets, rules } from "./check-hardening.ts";
import { ofType, type Resource, resources, templateText, theResource, withChanged } from "./templates.ts";

const vault = "Microsoft.KeyVault/vaults";
const key = `${vault}/keys`;
const account = "Microsoft.Storage/storageAccounts";
const site = "Microsoft.Web/sites";
const setting = "Microsoft.Insights/diagnosticSettings";

describe("the resources of the templates", () => {
  test("leave no door open", () => assert.deepEqual(checkHardening(resources), []));

  test("read no secret", () => assert.deepEqual(checkSecrets(templateText), []));

  test("are of every type that a rule is for", () => {
    for (const { type } of rules) assert.ok(ofType(type).length > 0, type);
  });
});

describe("the check of open doors finds", () => {
  const faults: [fault: string, type: string, name: string, change: (it: Resource) => void, expected: RegExp][] = [
    ["a key that can do more", key, "billing", (it) => it.properties.keyOps.push("decrypt"), /keyOps.length must be 1/],
    ["a key that does another thing", key, "billing", (it) => it.properties.keyOps.fill("decrypt"), /keyOps.0 must be/],
    [
      "an exportable key",
      key,
      "billing",
      (it) => change(it, "attributes", { exportable: true }),
      /exportable must be false/,
    ],
    [
      "a key of the shared cache that signs",
      key,
      "shared-cache",
      (it) => it.properties.keyOps.fill("sign"),
      /must be unwrapKey/,
    ],
    ["a key in software", key, "billing", (it) => change(it, "kty", "RSA"), /kty must be RSA-HSM/],
    ["a key that rotates by itself", key, "billing", (it) => change(it, "rotationPolicy", {}), /must be undefined/],
    ["a vault without hardware", vault, "", (it) => change(it, "sku", { name: "standard" }), /must be premium/],
    ["a vault that can be purged", vault, "", (it) => change(it, "enablePurgeProtection", false), /must be true/],
    ["a vault on the internet", vault, "", (it) => change(it, "publicNetworkAccess", "Enabled"), /must be Disabled/],
    ["a vault open to all", vault, "", (it) => change(it, "networkAcls", { bypass: "None" }), /must be Deny/],
    [
      "a vault with access policies",
      vault,
      "",
      (it) => change(it, "enableRbacAuthorization", undefined),
      /must be true/,
    ],
    [
      "shared keys",
      account,
      host(),
      (it) => change(it, "allowSharedKeyAccess", true),
      /allowSharedKeyAccess must be false/,
    ],
    ["public blobs", account, host(), (it) => change(it, "allowBlobPublicAccess", true), /must be false/],
    ["an app without TLS", site, "", (it) => change(it, "httpsOnly", false), /httpsOnly must be true/],
    [
      "deployment with a password",
      `${site}/basicPublishingCredentialsPolicies`,
      "/scm",
      (it) => change(it, "allow", true),
      /allow must be false/,
    ],
    [
      "lifecycle rules that cannot run",
      account,
      data(),
      (it) => change(it, "networkAcls", { defaultAction: "Deny", bypass: "None" }),
      /bypass must be AzureServices/,
    ],
    [
      "an exception of the firewall that nothing needs",
      account,
      host(),
      (it) => change(it, "networkAcls", { defaultAction: "Deny", bypass: "AzureServices" }),
      /bypass must be None/,
    ],
    [
      "an app that may not reach Entra",
      "Microsoft.Network/virtualNetworks",
      "",
      (it) => change(it.properties.subnets[0], "defaultOutboundAccess", undefined),
      /subnet app: defaultOutboundAccess/,
    ],
    [
      "a rule that reads with the rights of a person",
      "Microsoft.Insights/scheduledQueryRules",
      "vault-0",
      (it) => Object.assign(it, { identity: undefined }),
      /vault-0 has no identity/,
    ],
    [
      "telemetry that needs no identity",
      "Microsoft.Insights/components",
      "",
      (it) => change(it, "DisableLocalAuth", false),
      /DisableLocalAuth must be true/,
    ],
  ];
  for (const [fault, type, name, seed, expected] of faults) {
    test(fault, () => {
      const found = checkHardening(withChanged(type, name, seed));
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0] ?? "", expected);
    });
  }

  const audit = ofType(setting).findIndex(({ id }) => id.includes("/vaults/"));
  const withSetting = (seed: (it: Resource) => void) =>
    structuredClone(ofType(setting)).map((each, index) => {
      if (index === audit) seed(each);
      return each;
    });
  const others = resources.filter(({ type }) => type !== setting);
  for (const [fault, seed] of [
    ["a vault whose operations are not logged", (it: Resource) => change(it, "logs", [])],
    ["a log in the table of all services", (it: Resource) => change(it, "logAnalyticsDestinationType", undefined)],
  ] as const) {
    test(fault, () => {
      const found = checkHardening([...others, ...withSetting(seed)]);
      assert.match(found.join("\n"), /^keyhold-\w+ has no diagnostic setting that sends its audit log/);
    });
  }

  for (const service of ["blobServices", "tableServices"]) {
    test(`a storage account whose ${service} do not record who writes`, () => {
      const ofService = (each: Resource) => each.type === setting && each.id.includes(`${data()}/${service}/`);
      assert.deepEqual(checkHardening(resources.filter((each) => !ofService(each))), [
        `${account}/${service} of ${data()}: nobody records who writes and deletes`,
      ]);
    });
  }

  test("a lock, which would also keep the right to sign from being withdrawn", () => {
    const lock = { ...theResource(vault), id: "/locks/keep", type: "Microsoft.Authorization/locks" };
    assert.deepEqual(checkHardening([...resources, lock]), ["/locks/keep is a lock: remove it"]);
  });

  test("a key of a storage account", () => {
    const seeded = templateText.replace("[reference('account')", "[listKeys('account')");
    assert.notEqual(seeded, templateText);
    assert.deepEqual(checkSecrets(seeded), ["listKeys reads a secret: use an identity and a role"]);
  });
});

function change(it: Resource, property: string, value: unknown): void {
  it.properties[property] = value;
}

function host(): string {
  return ofType(account).find(({ name }) => name.startsWith("kholdhost"))?.name ?? assert.fail();
}

function data(): string {
  return ofType(account).find(({ name }) => name.startsWith("kholddata"))?.name ?? assert.fail();
}
