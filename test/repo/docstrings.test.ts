import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../src", import.meta.url));

/** An exported function, or an exported constant that holds one. */
const exported =
  /^export (?:default )?(?:async )?(?:function\*? (\w+)|const (\w+)(?:: [^=\n]+)? = (?:async )?(?:<[^>\n]+>)?(?:\(|function\b|\w+ =>))/gm;

/** The exported functions of a file that no doc comment stands before. Of overloads the first must have one. */
function withoutDoc(text: string): string[] {
  const functions = [...text.matchAll(exported)].map((match) => ({
    name: match[1] ?? match[2] ?? "",
    before: text.slice(0, match.index),
  }));
  return functions
    .filter(({ name }, index) => functions.findIndex((each) => each.name === name) === index)
    .filter(({ before }) => !/\/\*\*(?:(?!\*\/).)*\w(?:(?!\*\/).)*\*\/\n$/s.test(before))
    .map(({ name }) => name);
}

test("every exported function of src has a doc comment", () => {
  const files = globSync("**/*.ts", { cwd: source });
  assert.ok(files.length > 100, "the files were found");
  const found = files.flatMap((file) => {
    return withoutDoc(readFileSync(join(source, file), "utf8")).map((name) => `${file}: ${name}`);
  });
  assert.deepEqual(found, []);
});

test("an exported function without a doc comment is found, however it is written", () => {
  for (const line of [
    "export function bare(): void {}",
    "export async function bare(): Promise<void> {}",
    "export function* bare(): Generator<string> {}",
    "export const bare = (text: string) => text;",
    "export const bare = async () => {};",
    "export const bare: Make = (text) => text;",
    "export const bare = text => text;",
    "export const bare = <T>(value: T) => value;",
  ]) {
    assert.deepEqual(withoutDoc(`${line}\n`), ["bare"], line);
    assert.deepEqual(withoutDoc(`/** What it is. */\n${line}\n`), [], line);
    assert.deepEqual(withoutDoc(`/** Of something else. */\nconst other = 1;\n${line}\n`), ["bare"], line);
    assert.deepEqual(withoutDoc(`/** Of the file. */\n\n${line}\n`), ["bare"], line);
    assert.deepEqual(withoutDoc(`// A remark.\n${line}\n`), ["bare"], line);
    assert.deepEqual(withoutDoc(`/** */\n${line}\n`), ["bare"], line);
  }
});

test("what is no exported function needs none", () => {
  for (const line of ["function inner(): void {}", "export const limit = 5;", "export interface Shape {}"]) {
    assert.deepEqual(withoutDoc(`${line}\n`), [], line);
  }
});
