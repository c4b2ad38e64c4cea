/**
 * Changes the source in small ways and runs the unit tests that execute the changed place: `npm run mutate`, or
 * `node test/mutation/run.ts [--only path]... [--sample count] [--seed n] [--jobs n]`. A mutant that no test notices
 * survives, and needs a test or a reason in accepted.json. Exit code 1: some have neither.
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { repository } from "../support/source-tree.ts";
import { isOf, readAccepted } from "./accepted.ts";
import { type CoveredTest, cover, testsFor, testsOf } from "./coverage.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { runTest } from "./run-test.ts";

/** Everything that decides who gets what, and the adapters that stand between it and the outside. */
const usualScope = [
  ...["src/domain", "src/http", "src/adapters/azure", "src/adapters/entra", "src/adapters/key-vault"],
  ...["src/adapters/policy", "src/adapters/tls", "src/adapters/xml"],
];
/** Data, or nothing that runs. */
const leftOut = /vendored-roots\.ts$/;
/** Milliseconds for a test file without a mutant. */
const baselineLimitMs = 300_000;

type Outcome = "killed" | "timed out" | "accepted" | "survived" | "not covered";

interface Judged {
  source: string;
  mutant: Mutant;
  outcome: Outcome;
}

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" },
  },
});
const jobs = Number(values.jobs);
const sources = (values.only ?? usualScope)
  .flatMap((path) => (path.endsWith(".ts") ? [path] : globSync(`${path}/**/*.ts`, { cwd: repository })))
  .filter((path) => !leftOut.test(path))
  .sort();
const accepted = readAccepted();
const all = sources.flatMap((source) => {
  const text = readFileSync(join(repository, source), "utf8");
  return mutantsOf(text).map((mutant) => ({ source, mutant }));
});
const chosen = values.sample === undefined ? all : sampleOf(all, Number(values.sample), Number(values.seed));
const testFiles = testsOf(sources);
console.log(`${chosen.length} of ${all.length} mutants in ${sources.length} files, ${testFiles.length} test files`);
const covered = await inParallel(testFiles, async (file) => {
  const test = (await cover(file, baselineLimitMs)) ?? (await cover(file, baselineLimitMs));
  if (test === undefined) console.log(`left out, since it fails without any mutant: ${file}`);
  return test;
});
const tests = covered.filter((test) => test !== undefined);
const judged = await inParallel(chosen, async (one, index) => {
  if (index > 0 && index % 100 === 0) console.log(`${index} of ${chosen.length}`);
  return judge(one);
});
report(judged);

async function judge({ source, mutant }: { source: string; mutant: Mutant }): Promise<Judged> {
  if (accepted.some((entry) => isOf(entry, source, mutant))) return { source, mutant, outcome: "accepted" };
  const relevant = testsFor(source, mutant, tests);
  let outcome: Outcome = relevant.length === 0 ? "not covered" : "survived";
  for (const test of relevant) {
    const result = await runTest(test.file, { limitMs: limitOf(test), mutant: seededOf(source, mutant) });
    if (result === "passed") continue;
    outcome = result === "failed" ? "killed" : "timed out";
    break;
  }
  if (outcome === "survived" || outcome === "not covered") console.log(`${outcome}: ${nameOf(source, mutant)}`);
  return { source, mutant, outcome };
}

/** Much more than it took: other work on the machine is no proof of an endless loop. */
function limitOf({ durationMs }: CoveredTest): number {
  return 20_000 + 5 * durationMs;
}

function seededOf(source: string, { start, end, replacement }: Mutant) {
  return { url: pathToFileURL(join(repository, source)).href, start, end, replacement };
}

function nameOf(source: string, { line, original, replacement }: Mutant): string {
  const short = (text: string) => (text.length > 80 ? `${text.slice(0, 77)}...` : text).replaceAll("\n", " ");
  return `${source}:${line} ${short(original)} -> ${short(replacement)}`;
}

function report(judged: readonly Judged[]): void {
  const folders = [...new Set(judged.map(({ source }) => dirname(source)))].sort();
  const outcomes = ["killed", "timed out", "accepted", "survived", "not covered"] as const;
  const rows = folders.map((folder) => {
    const ofFolder = judged.filter(({ source }) => dirname(source) === folder);
    const counts = outcomes.map((outcome) => ofFolder.filter((each) => each.outcome === outcome).length);
    const [killed = 0, timedOut = 0, reasoned = 0] = counts;
    return { folder, score: (killed + timedOut) / Math.max(1, ofFolder.length - reasoned), counts };
  });
  console.log(`\n| folder | score | ${outcomes.join(" | ")} |\n|---|---|${"---|".repeat(outcomes.length)}`);
  for (const { folder, score, counts } of rows) {
    console.log(`| ${folder} | ${(100 * score).toFixed(1)} % | ${counts.join(" | ")} |`);
  }
  const folder = join(repository, ".local");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "mutation.json"), `${JSON.stringify(judged, undefined, 1)}\n`);
  if (judged.some(({ outcome }) => outcome === "survived" || outcome === "not covered")) process.exitCode = 1;
}

/** The same for the same seed (mulberry32). */
function sampleOf<T>(values: readonly T[], count: number, seed: number): T[] {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const keyed = values.map((value) => ({ value, key: random() }));
  return keyed
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ value }) => value);
}

async function inParallel<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T, i);
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return results;
}
