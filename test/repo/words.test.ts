import assert from "node:assert/strict";
import { test } from "node:test";
import { proseOf, readFiles, wordRules, wordsIn } from "./words.ts";

function violations(files: Map<string, string>): string[] {
  return [...files].flatMap(([name, text]) => wordsIn(proseOf(name, text)).map((found) => `${name}: ${found}`));
}

test("no text has a word of the list", () => {
  const files = readFiles();
  for (const name of ["README.md", "docs/operate/cli.md", "src/index.ts", "infra/main.bicep", "local/start.ts"])
    assert.ok(files.has(name), name);
  assert.deepEqual(violations(files), []);
});

for (const { not, but } of wordRules) {
  test(`"${not}" is noticed, and "${but}" is fine`, () => {
    assert.ok(wordsIn(not).length > 0);
    assert.deepEqual(wordsIn(but), []);
  });
}

const faults: [what: string, name: string, text: string][] = [
  ["a word in a page", "a.md", "The preset is 5."],
  ["a word at the break of a line", "a.md", "the operator is\ntold"],
  ["a word at the break of a line in a comment", "a.ts", "/**\n * The operator is\n * told of it.\n */"],
  ["a word in a comment of one line", "a.ts", "f(); // he waits"],
  ["a word in a message", "a.ts", 'throw new Error("mend the policy");'],
  ["a word in a template", "a.ts", "log(`" + "$" + "{name}: mend it`);"],
  ["a word in a comment of Bicep", "a.bicep", "// the app tells it"],
  ["a word in a string of Bicep", "a.bicep", "description: 'what a thief does'"],
  ["a word in the OpenAPI document", "a.yaml", "description: the preset is 5"],
];
for (const [what, name, text] of faults) {
  test(`${what} is noticed`, () => assert.equal(violations(new Map([[name, text]])).length, 1));
}

const names: [what: string, name: string, text: string][] = [
  ["an identifier", "a.ts", "const preset = options.preset;"],
  ["a key of one word", "a.ts", 'read("preset")'],
  ["a name in backquotes", "a.md", "`preset` is a key of Biome"],
  ["the target of a link", "a.md", "[the drill](local/drills/thief.ts)"],
];
for (const [what, name, text] of names) {
  test(`${what} is no prose`, () => assert.deepEqual(violations(new Map([[name, text]])), []));
}
