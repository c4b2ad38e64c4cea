import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Import, importsOf, readSources, repository } from "../support/source-tree.ts";
import type { Mutant } from "./mutants.ts";
import { runTest } from "./run-test.ts";

/** What a test file executes of one source file, as V8 counts it (Profiler.FunctionCoverage). */
interface FunctionCoverage {
  functionName: string;
  ranges: readonly { startOffset: number; endOffset: number; count: number }[];
}

/** A unit test file that passes, how long it takes, and what it executes by source file. */
export interface CoveredTest {
  file: string;
  durationMs: number;
  executed: ReadonlyMap<string, readonly FunctionCoverage[]>;
}

/** Unit test files that import one of these source files, whatever lies between. */
export function testsOf(sources: readonly string[]): string[] {
  const importers = new Map<string, string[]>();
  const typesOnly = /^import type [^;]*;/gm;
  const imports: Import[] = readSources(["src", "test", "local"]).flatMap(({ path, text }) =>
    importsOf({ path, text: text.replace(typesOnly, "") }),
  );
  for (const { from, target } of imports) if (target) importers.set(target, [...(importers.get(target) ?? []), from]);
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const importer of importers.get(file) ?? []) visit(importer);
  };
  for (const source of sources) visit(source);
  return [...found].filter((file) => /^test\/unit\/.*\.test\.ts$/.test(file)).sort();
}

/** Runs a test file as it is; undefined where it fails without any mutant, so that it can tell nothing. */
export async function cover(file: string, limitMs: number): Promise<CoveredTest | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "keyhold-mutation-"));
  try {
    const startedMs = performance.now();
    const result = await runTest(file, { limitMs, coverageFolder: folder });
    if (result !== "passed") return undefined;
    const durationMs = performance.now() - startedMs;
    return { file, durationMs, executed: executedIn(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function executedIn(folder: string): Map<string, readonly FunctionCoverage[]> {
  const executed = new Map<string, readonly FunctionCoverage[]>();
  for (const name of readdirSync(folder)) {
    const { result } = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
      result: { url: string; functions: FunctionCoverage[] }[];
    };
    for (const { url, functions } of result) {
      if (!url.startsWith("file:")) continue;
      const path = fileURLToPath(url).slice(repository.length);
      if (path.startsWith("src/")) executed.set(path, functions);
    }
  }
  return executed;
}

/**
 * The tests that execute the mutant's place, those that are most likely to notice first: the file's own tests, then the
 * fast ones. What runs when the module is loaded is run by every importer: then those that call any function of it.
 */
export function testsFor(source: string, mutant: Mutant, tests: readonly CoveredTest[]): CoveredTest[] {
  const own = source.replace(/^src/, "test/unit").replace(/\.ts$/, "");
  const callers = tests.filter(({ executed }) => isExecuted(executed.get(source) ?? [], mutant));
  const isOwn = ({ file }: CoveredTest) => (file.startsWith(`${own}.`) || file.startsWith(`${own}-`) ? 0 : 1);
  return callers.sort((a, b) => isOwn(a) - isOwn(b) || a.durationMs - b.durationMs);
}

function isExecuted(functions: readonly FunctionCoverage[], { start, end }: Mutant): boolean {
  let [count, lengthSoFar, isOfModule] = [0, Number.POSITIVE_INFINITY, false];
  for (const { functionName, ranges } of functions) {
    for (const range of ranges) {
      const length = range.endOffset - range.startOffset;
      if (range.startOffset > start || range.endOffset < end || length >= lengthSoFar) continue;
      [count, lengthSoFar] = [range.count, length];
      isOfModule = functionName === "" && range === ranges[0] && range.startOffset === 0;
    }
  }
  if (!isOfModule) return count > 0;
  const inner = functions.filter(({ functionName, ranges }) => functionName !== "" || ranges[0]?.startOffset !== 0);
  return inner.length === 0 || inner.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0);
}
