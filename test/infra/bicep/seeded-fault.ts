import assert from "node:assert/strict";
import { type Finding, printFinding } from "./finding.ts";
import { type BicepFile, parseBicep, readInfra } from "./parse.ts";

/** The templates as they are, read once. */
export const infra: ReadonlyMap<string, BicepFile> = readInfra();

export interface Fault {
  fault: string;
  /** Under infra. */
  path: string;
  from: string;
  to: string;
  /** The finding, without the place. */
  expected: string;
  /** Where it is reported: a text of the file with the fault whose line it is. Unless given, that of `to`. */
  near?: string;
}

/** The templates with one file changed in one place. */
export function withFault({ path, from, to }: Pick<Fault, "path" | "from" | "to">): {
  file: BicepFile;
  files: Map<string, BicepFile>;
  text: string;
} {
  const original = infra.get(path);
  assert.ok(original, `${path} is there`);
  const before = original.root.text;
  const text = before.replace(from, () => to);
  assert.notEqual(text, before, `${JSON.stringify(from)} is in ${path}`);
  const file = parseBicep(path, text);
  return { file, files: new Map([...infra, [path, file]]), text };
}

/** Exactly one finding: this one, in this line. */
export function assertFound(findings: Finding[], { path, to, near, expected }: Fault, text: string): void {
  const index = text.indexOf(near ?? to.trim());
  assert.notEqual(index, -1, `${near} is in ${path}`);
  const line = text.slice(0, index).split("\n").length;
  assert.deepEqual(findings.map(printFinding), [`${path}:${line} ${expected}`]);
}
