import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { printFinding } from "./bicep/finding.ts";
import { assertFound, type Fault, infra, withFault } from "./bicep/seeded-fault.ts";

describe("the syntax of the templates", () => {
  assert.ok(infra.has("infra/main.bicep"));
  for (const [path, { syntax }] of infra) {
    test(`${path} can be parsed`, () => assert.deepEqual(syntax.map(printFinding), []));
  }
});

describe("the check of the syntax", () => {
  const faults: Fault[] = [
    {
      fault: "a misspelt keyword",
      path: "infra/modules/identities.bicep",
      from: "param tags object",
      to: "parm tags object",
      expected: '"parm tags object" does not belong here: correct it, or write it more plainly',
    },
    {
      fault: "a colon that is missing",
      path: "infra/modules/identities.bicep",
      from: "clientId: signing.properties.clientId",
      to: "clientId signing.properties.clientId",
      expected: '"clientId signing.properties.clientId" does not belong here: correct it, or write it more plainly',
    },
    {
      fault: "two properties in one line",
      path: "infra/modules/identities.bicep",
      from: "  location: location\n  tags: tags",
      to: "  location: location  tags: tags",
      near: "location  tags",
      expected: '"tags: tags" must stand in a line of its own: break the line before it',
    },
    {
      fault: "a bracket that is not closed",
      path: "infra/modules/network.bicep",
      from: "addressPrefixes: [addressPrefix]",
      to: "addressPrefixes: [addressPrefix",
      expected: "a ] is missing here: add it",
    },
  ];
  for (const fault of faults) {
    test(`${fault.fault} is found`, () => {
      const { file, text } = withFault(fault);
      assertFound(file.syntax, fault, text);
    });
  }

  test("what only the newest compiler knows is found, since nothing here could check it", () => {
    const to = "param keyNames resourceInput<'Microsoft.KeyVault/vaults@2026-02-01'>.name";
    const { file } = withFault({ path: "infra/modules/key-vault.bicep", from: "param keyNames array", to });
    assert.ok(file.syntax.length > 0);
  });
});
