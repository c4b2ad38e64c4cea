/**
 * A process that runs one test file for many mutants, since most of a short run is starting a process and loading what
 * no mutant changes. It loads anew, under a URL of its own, what depends on the changed file; on disk nothing is changed.
 */
import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { repository } from "../support/source-tree.ts";
import { runTests } from "./harness.ts";
import type { Mutant } from "./mutants.ts";

export interface Order {
  testFile: string;
  /** What is changed, none to see that the tests pass. */
  mutant?: Pick<Mutant, "start" | "end" | "replacement"> & { source: string };
  /** Files to be loaded anew, from the root of the repository. */
  anew: readonly string[];
}

/** `unhandled`: what failed was outside of a test, and may be left from an earlier run. */
export type Report = "passed" | "failed" | "unhandled";

const harness = new URL("harness.ts", import.meta.url).href;
const stripped = new Map<string, string>();
let order: Order | undefined;
let anew: ReadonlySet<string> = new Set();
let runs = 0;

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier === "node:test" && context.parentURL !== harness) return { url: harness, shortCircuit: true };
    const found = nextResolve(specifier, context);
    return anew.has(found.url) ? { ...found, url: `${found.url}?run=${runs}` } : found;
  },
  load(url, context, nextLoad) {
    const plain = url.replace(/\?run=\d+$/, "");
    if (plain === url) return nextLoad(url, context);
    return { format: "module", source: sourceOf(fileURLToPath(plain)), shortCircuit: true };
  },
});

function sourceOf(file: string): string {
  const { mutant } = order ?? {};
  if (mutant && file === join(repository, mutant.source)) {
    const text = readFileSync(file, "utf8");
    return stripTypeScriptTypes(text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end));
  }
  const known = stripped.get(file) ?? stripTypeScriptTypes(readFileSync(file, "utf8"));
  stripped.set(file, known);
  return known;
}

function report(result: Report): void {
  if (!order) return;
  order = undefined;
  // What waits for the next order keeps the process alive.
  process.channel?.ref();
  process.send?.(result);
}

process.on("message", (next: Order) => {
  order = next;
  anew = new Set(next.anew.map((path) => pathToFileURL(join(repository, path)).href));
  runs += 1;
  // Where nothing but a promise is waited for, nobody will ever resolve it.
  process.channel?.unref();
  const testFile = pathToFileURL(join(repository, next.testFile)).href;
  const isOf = (what: Order) => order === what;
  runTests(() => import(testFile)).then(
    () => isOf(next) && report("passed"),
    () => isOf(next) && report("failed"),
  );
});
process.on("disconnect", () => process.exit());
process.on("beforeExit", () => report("failed"));
process.on("uncaughtException", () => report("unhandled"));
process.on("unhandledRejection", () => report("unhandled"));
process.stdout.write = () => true;
process.stderr.write = () => true;
