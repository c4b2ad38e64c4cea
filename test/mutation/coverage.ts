import { hash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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
  return importersOf(readImports(), sources).filter((file) => /^test\/unit\/.*\.test\.ts$/.test(file));
}

/** What must be loaded anew for a change of this file: whatever depends on it, and whatever registers tests or hooks. */
export function dependentsOf(source: string): string[] {
  const imports = readImports();
  const registering = imports.filter(({ specifier }) => specifier === "node:test").map(({ from }) => from);
  return importersOf(imports, [source, ...registering]);
}

function readImports(): Import[] {
  const typesOnly = /^import type [^;]*;/gm;
  return readSources(["src", "test", "local"]).flatMap(({ path, text }) =>
    importsOf({ path, text: text.replace(typesOnly, "") }),
  );
}

/** These files and those that import them, whatever lies between. */
function importersOf(imports: readonly Import[], files: readonly string[]): string[] {
  return reached(
    files,
    imports.map(({ from, target }) => [target, from]),
  );
}

/** This file and those that it imports, whatever lies between. */
function dependenciesOf(imports: readonly Import[], file: string): string[] {
  return reached(
    [file],
    imports.map(({ from, target }) => [from, target]),
  );
}

function reached(files: readonly string[], edges: readonly [string | undefined, string | undefined][]): string[] {
  const next = Map.groupBy(edges, ([from]) => from);
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, to] of next.get(file) ?? []) if (to !== undefined) visit(to);
  };
  for (const file of files) visit(file);
  return [...found].sort();
}

/** What a test file executes as `cover` found it, for as long as nothing that it imports has changed. */
export async function coverOnce(file: string, limitMs: number): Promise<CoveredTest | undefined> {
  const cached = join(repository, ".local/mutation/coverage", `${file}.json`);
  const sha256 = hashOf(dependenciesOf(readImports(), file));
  const known = readCovered(cached);
  if (known?.sha256 === sha256) return { ...known, executed: new Map(known.executed) };
  const test = (await cover(file, limitMs)) ?? (await cover(file, limitMs));
  if (!test) return undefined;
  mkdirSync(dirname(cached), { recursive: true });
  writeFileSync(cached, JSON.stringify({ ...test, sha256, executed: [...test.executed] }));
  return test;
}

function readCovered(path: string) {
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, "utf8")) as Omit<CoveredTest, "executed"> & {
    sha256: string;
    executed: [string, readonly FunctionCoverage[]][];
  };
}

function hashOf(files: readonly string[]): string {
  return hash("sha256", files.map((path) => `${path}\0${readFileSync(join(repository, path), "utf8")}`).join("\0"));
}

/** Runs a test file as it is; undefined where it fails without any mutant, so that it can tell nothing. */
async function cover(file: string, limitMs: number): Promise<CoveredTest | undefined> {
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

/** Milliseconds of tests beside the file's own: what only a slower one notices deserves one of its own. */
const enoughMs = 20_000;

/**
 * The tests that execute the mutant's place, those that are most likely to notice first: the file's own tests, then
 * those that have `noticed` most, then the fast ones. What runs when the module is loaded is run by every importer: then
 * those that call any function of it, and its own, which may look at what it exports.
 */
export function testsFor(
  source: string,
  mutant: Mutant,
  tests: readonly CoveredTest[],
  noticed: ReadonlyMap<string, number> = new Map(),
): CoveredTest[] {
  const prefix = source.replace(/^src/, "test/unit").replace(/\.ts$/, "");
  const isOwn = ({ file }: CoveredTest) => file.startsWith(`${prefix}.`) || file.startsWith(`${prefix}-`);
  const callers = tests
    .filter((test) => isExecuted(test.executed.get(source) ?? [], mutant, isOwn(test)))
    .sort((a, b) => a.durationMs - b.durationMs);
  let totalMs = 0;
  const others = callers.filter((test) => {
    if (isOwn(test)) return false;
    totalMs += test.durationMs;
    return totalMs <= enoughMs;
  });
  const numberOf = ({ file }: CoveredTest) => noticed.get(file) ?? 0;
  return [...callers.filter(isOwn), ...others.sort((a, b) => numberOf(b) - numberOf(a))];
}

function isExecuted(functions: readonly FunctionCoverage[], { start, end }: Mutant, isOwn: boolean): boolean {
  let [count, lengthSoFar, isOfModule] = [0, Number.POSITIVE_INFINITY, false];
  for (const { functionName, ranges } of functions) {
    for (const range of ranges) {
      const length = range.endOffset - range.startOffset;
      if (range.startOffset > start || range.endOffset < end || length >= lengthSoFar) continue;
      [count, lengthSoFar] = [range.count, length];
      isOfModule = functionName === "" && range === ranges[0] && range.startOffset === 0;
    }
  }
  if (!isOfModule || isOwn) return count > 0;
  const inner = functions.filter(({ functionName, ranges }) => functionName !== "" || ranges[0]?.startOffset !== 0);
  return inner.length === 0 || inner.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0);
}
