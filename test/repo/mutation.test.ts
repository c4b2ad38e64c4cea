/** What the mutation run (`npm run mutate`) changes, which tests it runs for that, and that its reasons are not outlived. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { isOf, readAccepted } from "../mutation/accepted.ts";
import { dependentsOf, testsOf } from "../mutation/coverage.ts";
import { mutantsOf } from "../mutation/mutants.ts";
import { createWorkers } from "../mutation/workers.ts";
import { repository } from "../support/source-tree.ts";

/** The changed parts, as `original -> replacement`. */
const changesOf = (source: string) =>
  mutantsOf(source).map(({ original, replacement }) => `${original} -> ${replacement}`);

describe("a change is made", () => {
  const cases: [what: string, source: string, expected: string[]][] = [
    ["of a condition", "if (a) b();", ["a -> true", "a -> false", "b(); -> ;"]],
    [
      "of a boundary",
      "x = (a: number) => a < 5;",
      ["x = (a: number) => a < 5; -> ;", "a < 5 -> undefined", "< -> <=", "5 -> 6"],
    ],
    ["of a comparison", "const x = a === b;", ["=== -> !=="]],
    ["of and and or", "const x = a && b || c;", ["&& -> ||", "|| -> &&"]],
    ["of what stands in for a missing value", "const x = a ?? b;", ["a ?? b -> a", "a ?? b -> b"]],
    ["of a negation", "const x = !a;", ["!a -> a"]],
    [
      "of constants",
      'const x = [true, 1, "a", ""];',
      ['[true, 1, "a", ""] -> []', "true -> false", "1 -> 2", '"a" -> ""', '"" -> "mutated"'],
    ],
    ["of a result", "function f(): string | undefined { return a.b; }", ["a.b -> undefined"]],
    ["of the ends of a pattern", "const x = /^a$/i;", ["/^a$/i -> /a$/i", "/^a$/i -> /^a/i", "/^a$/i -> /^a$/"]],
    [
      "of a member that is passed on",
      'f({ redirect: "error" });',
      ['f({ redirect: "error" }); -> ;', 'redirect: "error" -> ...{}', '"error" -> ""'],
    ],
    [
      "of a method that has an opposite, or can be left out",
      "const x = a.filter(f).every(g);",
      ["a.filter(f) -> a", "every -> some"],
    ],
  ];
  for (const [what, source, expected] of cases) {
    test(what, () => assert.deepEqual(changesOf(source).sort(), expected.sort()));
  }

  test("where it stands in the TypeScript, whatever types stand before it", () => {
    const source = 'const a: Map<string, "x" | "y"> = f<"z">(b as "w");\nconst c = 7 satisfies number;';
    const [mutant] = mutantsOf(source);
    assert.deepEqual([mutant?.original, mutant?.line, mutant?.lineText], ["7", 2, "const c = 7 satisfies number;"]);
    assert.equal(source.slice(mutant?.start, mutant?.end), "7");
  });
});

describe("no change is made", () => {
  const cases: [what: string, source: string][] = [
    ["of names of modules and members", 'import { a } from "./a.ts"; const x = { b: a };'],
    ["of the text of an error", 'throw new TypeError("a");'],
    ["where the compiler proves that nobody comes", "switch (a) { default: a satisfies never; }"],
    ["of types", 'type A = "a" | 1; interface B { c: "d" }'],
  ];
  for (const [what, source] of cases) test(what, () => assert.deepEqual(mutantsOf(source), []));
});

test("the tests of a file are those that import it, whatever lies between", () => {
  const tests = testsOf(["src/domain/issuing/caller.ts"]);
  for (const file of ["domain/issuing/caller", "adapters/entra/caller-verifier", "domain/metadata/rollover"]) {
    assert.ok(tests.includes(`test/unit/${file}.test.ts`), file);
  }
  assert.ok(!tests.includes("test/unit/domain/shared/scope.test.ts"));
});

describe("a worker", () => {
  const workers = createWorkers();
  after(() => workers.stop());
  const source = "src/domain/issuing/caller.ts";
  const testFile = "test/unit/domain/issuing/caller.test.ts";
  const mutants = mutantsOf(readFileSync(join(repository, source), "utf8"));
  const run = (original?: string, replacement?: string, limitMs = 60_000) => {
    const mutant = mutants.find((one) => one.original === original);
    assert.ok(original === undefined || mutant, original);
    const changed = mutant && { source, ...mutant, ...(replacement !== undefined && { replacement }) };
    return workers.run({ testFile, anew: dependentsOf(source), ...(changed && { mutant: changed }) }, limitMs);
  };

  test("runs a file of tests again and again, each time against the mutant that it is given", async () => {
    assert.equal(await run(), "passed");
    for (const original of ['"2.0"', "!isAppOnly(claims, objectId)"]) assert.equal(await run(original), "failed");
    assert.equal(await run(), "passed");
  });

  test("is ended where a mutant makes an endless loop, and another one continues", async () => {
    const endless = "(() => { for (;;); })()";
    assert.equal(await run("!isAppOnly(claims, objectId)", endless, 3_000), "timed out");
    assert.equal(await run(), "passed");
  });

  test("fails at once where a test waits for nothing that could come", async () => {
    const hanging = "test/support/fixtures/never-ending-test.ts";
    assert.equal(await workers.run({ testFile: hanging, anew: [hanging] }, 60_000), "failed");
  });
});

test("every accepted mutant still exists, and has a reason", () => {
  const mutants = new Map<string, ReturnType<typeof mutantsOf>>();
  for (const entry of readAccepted()) {
    const known = mutants.get(entry.file) ?? mutantsOf(readFileSync(join(repository, entry.file), "utf8"));
    mutants.set(entry.file, known);
    const name = `${entry.file}: ${entry.original} -> ${entry.replacement} in ${entry.line}`;
    assert.ok(
      known.some((mutant) => isOf(entry, entry.file, mutant)),
      `remove what is no more: ${name}`,
    );
    assert.ok(entry.reason.length > 10, name);
  }
});

test("a reason is about as many places of its line as it says, so that it covers no other mutant by chance", () => {
  for (const { file, line, original, places = 1 } of readAccepted()) {
    assert.equal(line.split(original).length - 1, places, `${file}: ${original} in ${line}`);
  }
});
