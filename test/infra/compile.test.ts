import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build, compile, findBicep, format, howToGetBicep, predict, withCopy } from "../../infra/compile.ts";
import { checkHardening } from "./check-hardening.ts";
import { ofType, snapshot, theResource } from "./templates.ts";

const infra = fileURLToPath(new URL("../../infra/", import.meta.url));
const bicep = await findBicep();
const skip = bicep === undefined && howToGetBicep;
if (skip && process.env.CI) throw new Error(`nothing is skipped where CI is set, but there is no Bicep. ${skip}`);

/** Without the version of the compiler, which does not change what is deployed. */
function withoutGenerator(template: string): unknown {
  const generators = /\s*"_generator": \{[^}]*\},?/g;
  return JSON.parse(template.replace(generators, ""));
}

async function edit(root: string, file: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(join(root, file), "utf8");
  const changed = change(text);
  assert.notEqual(changed, text, `${file} has what is changed`);
  await writeFile(join(root, file), changed);
}

describe("the templates, by Bicep's own compiler", { skip, concurrency: 2 }, () => {
  test("are formatted (bicep format)", async () => {
    await withCopy(async (root) => {
      await format(bicep ?? "", root);
      const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith(".bicep"));
      const read = (folder: string, file: string) => readFile(join(folder, file), "utf8");
      for (const file of files) assert.equal(await read(root, file), await read(infra, file), file);
    });
  });

  test("have no error or warning, and yield what is committed: infra/main.json and infra/main.snapshot.json (npm run generate)", async () => {
    await withCopy(async (root) => {
      assert.deepEqual(await compile(bicep ?? "", root), []);
      for (const file of ["main.json", "main.snapshot.json"]) {
        const [now, committed] = await Promise.all([root, infra].map((folder) => readFile(join(folder, file), "utf8")));
        assert.deepEqual(withoutGenerator(now ?? ""), withoutGenerator(committed ?? ""), file);
      }
    });
  });

  const chosen = `param operatorAddressRanges = ['203.0.113.7']
param callerAddressRanges = ['198.51.100.0/24']
param natGateway = true
`;
  test("open vault, data and deployment to the addresses of operators, and to no others", async () => {
    await withCopy(async (root) => {
      await edit(root, "main.bicepparam", (text) => text + chosen);
      await predict(bicep ?? "", root);
      const { predictedResources } = JSON.parse(
        await readFile(join(root, "main.snapshot.json"), "utf8"),
      ) as typeof snapshot;
      const open = predictedResources.filter(({ properties }) => properties?.publicNetworkAccess === "Enabled");
      assert.deepEqual(open.map(({ name }) => name.replace(/\w{13}$/, "")).sort(), ["keyhold-", "kholddata"]);
      for (const { properties } of open) {
        assert.equal(properties.networkAcls.defaultAction, "Deny");
        assert.deepEqual(
          properties.networkAcls.ipRules.map(({ value }: { value: string }) => value),
          ["203.0.113.7"],
        );
      }
      const { siteConfig } = theResource("Microsoft.Web/sites", "", predictedResources).properties;
      assert.equal(siteConfig.ipSecurityRestrictionsDefaultAction, "Deny");
      assert.equal(siteConfig.scmIpSecurityRestrictionsUseMain, false);
      assert.equal(siteConfig.scmIpSecurityRestrictionsDefaultAction, "Deny");
      assert.deepEqual(
        siteConfig.scmIpSecurityRestrictions.map(({ ipAddress }: { ipAddress: string }) => ipAddress),
        ["203.0.113.7/32"],
      );
      assert.deepEqual(
        checkHardening(predictedResources).filter((found) => !/publicNetworkAccess/.test(found)),
        [],
      );
      assert.equal(ofType("Microsoft.Network/natGateways", predictedResources).length, 1);
    });
  });

  // One lint of a copy with one fault for each kind of check.
  const seeded: [fault: string, file: string, from: string | RegExp, to: string, expected: RegExp][] = [
    ["a misspelt keyword", "modules/identities.bicep", "param tags", "parm tags", /identities.bicep\(.*BCP007/],
    ["a misspelt property", "modules/key-vault.bicep", "enablePurge", "enabelPurge", /key-vault.bicep\(.*BCP089/],
    ["a value of another type", "modules/storage-host.bicep", "Access: false", "Access: 'no'", /storage-host.*BCP036/],
    ["a missing property", "modules/workbook.bicep", / {4}displayName: .*\n/, "", /workbook.*BCP035/],
    ["an unknown name", "modules/network.bicep", "location: location", "location: region", /network.*BCP057/],
    [
      "an unused parameter",
      "modules/network.bicep",
      "var zoneNames",
      "param unused int\nvar zoneNames",
      /network.*no-unused-params/,
    ],
    [
      "an old API version",
      "modules/signing-role.bicep",
      "keys@2026-05-15",
      "keys@2023-07-01",
      /signing-role.*api-versions/,
    ],
    ["an untyped parameter", "modules/private-endpoint.bicep", "tags Tags", "tags object", /private.*user-defined/],
    [
      "a fixed location",
      "modules/monitoring.bicep",
      "location: location",
      "location: 'westus'",
      /monitoring.*hardcoded/,
    ],
    [
      "a preview that goes blind",
      "main.bicep",
      "vaultName: vaultName",
      "vaultName: vault.outputs.name",
      /main.*short-circ/,
    ],
  ];
  test("a fault of each kind is found", async () => {
    await withCopy(async (root) => {
      for (const [, file, from, to] of seeded) await edit(root, file, (text) => text.replace(from, to));
      const found = (await build(bicep ?? "", root)).join("\n");
      for (const [fault, , , , expected] of seeded) assert.match(found, expected, fault);
    });
  });
});

test("a preview can list every resource: nothing of it waits for a deployment", () => {
  assert.deepEqual(snapshot.diagnostics, []);
  const unnamed = snapshot.predictedResources.filter(
    ({ name }) => name.startsWith("[") && !name.includes("environment()"),
  );
  assert.deepEqual(unnamed, []);
});
