import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { checkParameterFile, checkReferences } from "./bicep/check-references.ts";
import { printFinding } from "./bicep/finding.ts";
import type { BicepFile } from "./bicep/parse.ts";
import { assertFound, type Fault, infra, withFault } from "./bicep/seeded-fault.ts";

const main = infra.get("infra/main.bicep") as BicepFile;
const parameterFile = "infra/main.parameters.json";

describe("the names in the templates", () => {
  for (const [path, file] of infra) {
    test(`${path}: every name means something, and everything that is declared is used`, () => {
      assert.deepEqual(checkReferences(file, infra).map(printFinding), []);
    });
  }

  test("every module is part of main.bicep", () => {
    const reached = new Set<string>();
    const reach = (path: string): void => {
      reached.add(path);
      for (const { source } of infra.get(path)?.modules ?? []) {
        reach(new URL(source, `file:///${path}`).pathname.slice(1));
      }
    };
    reach("infra/main.bicep");
    assert.deepEqual([...reached].sort(), [...infra.keys()].sort());
  });

  test("the file of parameters has each that is required, and no other", () => {
    assert.deepEqual(checkParameterFile(parameterFile, main).map(printFinding), []);
  });

  test("the file of parameters has the presets of main.bicep", () => {
    const text = readFileSync(new URL(`../../${parameterFile}`, import.meta.url), "utf8");
    const { parameters } = JSON.parse(text) as { parameters: Record<string, { value: string }> };
    for (const { name, preset } of main.params) {
      const value = /^\$\{[A-Z_]+(?:=(.*))?\}$/.exec(parameters[name]?.value ?? "");
      assert.ok(value, `${name} comes from the environment`);
      const shown = preset === undefined ? undefined : preset.kind === "array" ? "[]" : "text" in preset && preset.text;
      assert.equal(value[1], shown, name);
    }
  });
});

describe("the check of names", () => {
  const path = "infra/main.bicep";
  const vault = "infra/modules/key-vault.bicep";
  const faults: Fault[] = [
    {
      fault: "an identifier that is not declared",
      path: vault,
      from: "targetId: vault.id",
      to: "targetId: vaults.id",
      expected: "vaults is not declared: correct the name, or declare it",
    },
    {
      fault: "the variable of a loop outside of it",
      path: vault,
      from: "targetId: vault.id",
      to: "targetId: keyName",
      expected: "keyName is not declared: correct the name, or declare it",
    },
    {
      fault: "a function that does not exist",
      path: "infra/modules/network.bicep",
      from: "cidrSubnet(addressPrefix, 26, 0)",
      to: "subnetOf(addressPrefix, 26, 0)",
      expected: "subnetOf is not declared: correct the name of the function",
    },
    {
      fault: "a module that does not exist",
      path,
      from: "'modules/network.bicep'",
      to: "'modules/networks.bicep'",
      expected: "module infra/modules/networks.bicep does not exist: correct the path, or write the module",
    },
    {
      fault: "a parameter that the module does not have",
      path,
      from: "    addressPrefix: networkAddressPrefix\n",
      to: "    addressPrefix: networkAddressPrefix\n    extra: location\n",
      near: "extra: location",
      expected: "infra/modules/network.bicep has no parameter extra: correct the name, or remove it",
    },
    {
      fault: "an output that the module does not have",
      path,
      from: "storageData.outputs.ledgerTableUrl",
      to: "storageData.outputs.ledgerUrl",
      expected: "infra/modules/storage-data.bicep has no output ledgerUrl: correct the name, or add it",
    },
    {
      fault: "a member that the output does not have",
      path,
      from: "identities.outputs.storage.principalId",
      to: "identities.outputs.storage.objectId",
      expected: "output storage of infra/modules/identities.bicep has no member objectId: correct the name, or add it",
    },
    {
      fault: "outputs of what is no module",
      path,
      from: "output AZURE_RESOURCE_GROUP string = group.name",
      to: "output AZURE_RESOURCE_GROUP string = group.outputs.name",
      expected: "group is not a module, so it has no outputs: name a module",
    },
    {
      fault: "a parameter that is not used",
      path: vault,
      from: "param keySize int",
      to: "param keySize int\n@description('x')\nparam leftOver string",
      near: "param leftOver",
      expected: "leftOver is not used: use or remove it",
    },
    {
      fault: "a variable that is not used",
      path: "infra/modules/monitoring.bicep",
      from: "var logAnalyticsDataReader",
      to: "var leftOver = 'x'\nvar logAnalyticsDataReader",
      near: "var leftOver",
      expected: "leftOver is not used: use or remove it",
    },
    {
      fault: "a name that is declared twice",
      path: "infra/modules/monitoring.bicep",
      from: "var logAnalyticsDataReader",
      to: "var monitoringMetricsPublisher = 'x'\nvar logAnalyticsDataReader",
      near: "var monitoringMetricsPublisher = 'x'",
      expected: "monitoringMetricsPublisher is declared twice: rename or remove one",
    },
    {
      fault: "a parameter without a description",
      path: vault,
      from: "@description('Whether it is locked against deletion.')\n",
      to: "",
      near: "param lock bool",
      expected: "param lock has no description: put @description('...') before it",
    },
    {
      fault: "a file that is not there",
      path: vault,
      from: "targetId: vault.id",
      to: "targetId: loadTextContent('../queries/nothing.kql')",
      expected: "infra/queries/nothing.kql does not exist: correct the path",
    },
  ];
  for (const fault of faults) {
    test(`${fault.fault} is found`, () => {
      const { file, files, text } = withFault(fault);
      assertFound(checkReferences(file, files), fault, text);
    });
  }

  test("a parameter with a misspelt name is found as unknown and as missing", () => {
    const [from, to] = ["    keySize: keySize\n", "    size: keySize\n"];
    const { file, files } = withFault({ path, from, to });
    const found = checkReferences(file, files).map(({ text }) => text);
    assert.deepEqual(found, [
      "infra/modules/key-vault.bicep has no parameter size: correct the name, or remove it",
      "module vault does not get keySize, which infra/modules/key-vault.bicep requires: pass it",
    ]);
  });

  test("a name in a comment is none", () => {
    const to = "// nobody.outputs.x\nresource vault";
    const { file, files } = withFault({ path: vault, from: "resource vault", to });
    assert.deepEqual(checkReferences(file, files), []);
  });

  test("a parameter in the file that main.bicep does not have is found, and one that is missing", () => {
    const text = '{\n  "parameters": {\n    "nobody": { "value": "x" }\n  }\n}';
    const found = checkParameterFile(parameterFile, main, text).map(printFinding);
    assert.equal(
      found[0],
      `${parameterFile}:3 infra/main.bicep has no parameter nobody: correct the name, or remove it`,
    );
    assert.ok(found.includes(`${parameterFile}:1 audience is missing, which infra/main.bicep requires: add it`));
  });
});
