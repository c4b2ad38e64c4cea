import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** The lane `test:unit` starts no process: neither its files do, nor what they import, as far as it is this repository. */
const repository = fileURLToPath(new URL("../..", import.meta.url));
const imported = /(?:from|import)\s*\(?\s*"([^"]+)"/g;
const startsProcesses = /^node:(child_process|cluster)$/;

/** Files that are reached from these ones, with how. */
function reachable(entries: string[]): Map<string, { text: string; by: string }> {
  const found = new Map<string, { text: string; by: string }>();
  const visit = (file: string, by: string) => {
    if (found.has(file)) return;
    const text = readFileSync(file, "utf8");
    found.set(file, { text, by });
    for (const [, name = ""] of text.matchAll(imported)) {
      if (name.startsWith(".") && name.endsWith(".ts")) visit(join(dirname(file), name), relative(repository, file));
    }
  };
  for (const entry of entries) visit(entry, "the lane");
  return found;
}

function offenders(entries: string[]): string[] {
  return [...reachable(entries)]
    .filter(([, { text }]) => [...text.matchAll(imported)].some(([, name = ""]) => startsProcesses.test(name)))
    .map(([file, { by }]) => `${relative(repository, file)}, imported by ${by}`);
}

const filesOf = (lane: string) =>
  globSync(`test/${lane}/**/*.test.ts`, { cwd: repository }).map((file) => join(repository, file));

test("no test of the unit lane imports what starts a process", () => {
  const files = filesOf("unit");
  assert.ok(files.length > 50);
  assert.deepEqual(offenders(files), []);
});

test("a test that starts a stack would be found", () => {
  const found = offenders([join(repository, "test/e2e/policy-blob.test.ts")]);
  assert.ok(found.some((line) => line.startsWith("local/stack/azurite.ts, imported by local/stack/")));
});
