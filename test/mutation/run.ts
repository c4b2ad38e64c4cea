/**
 * Changes the source in small ways and runs the unit tests that execute the changed place: `npm run mutate`, or
 * `node test/mutation/run.ts [--only path]... [--tests folder]... [--open] [--report] [--sample count] [--seed n]
 * [--jobs n]`. A mutant that no test notices survives, and needs a test or a reason in accepted.json. Exit code 1: some
 * have neither.
 *
 * `--tests`: only those in this folder, which is quick. `--open`: only mutants that no test has noticed so far, or that
 * are new. `--report`: runs nothing, and prints what is known of the source as it is now.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repository } from "../support/source-tree.ts";
import { coverOnce, testsOf } from "./coverage.ts";
import { judgeSource } from "./judge.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { isOpen, type Judged, nameOf, readResults, tableOf, writeResults } from "./results.ts";

/** Everything that decides who gets what, and the adapters that stand between it and the outside. */
const usualScope = [
  ...["src/domain", "src/http", "src/adapters/azure", "src/adapters/entra", "src/adapters/key-vault"],
  ...["src/adapters/log-analytics", "src/adapters/policy", "src/adapters/shared-cache", "src/adapters/storage"],
  ...["src/adapters/tls", "src/adapters/xml"],
];
/** Data, or nothing that runs. */
const leftOut = /vendored-roots\.ts$/;
/** Milliseconds for a test file without a mutant. */
const baselineLimitMs = 300_000;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    tests: { type: "string", multiple: true, default: ["test/unit"] },
    open: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" },
  },
});
const sources = (values.only ?? usualScope)
  .flatMap((path) => (path.endsWith(".ts") ? [path] : globSync(`${path}/**/*.ts`, { cwd: repository })))
  .filter((path) => !leftOut.test(path))
  .sort();
const mutantsBySource = new Map(
  sources.map((source) => [source, mutantsOf(readFileSync(join(repository, source), "utf8"))]),
);
const all = sources.flatMap((source) => (mutantsBySource.get(source) ?? []).map((mutant) => ({ source, mutant })));
const readKnown = () =>
  sources.flatMap((source) =>
    readResults(source, mutantsBySource.get(source) ?? []).filter((one) => one !== undefined),
  );
const known = new Map(readKnown().map((one) => [one.mutant, one]));
/** Of those to be tried: not the accepted ones, nor with `--open` those that a test has noticed. */
const isToBeTried = (mutant: Mutant) => {
  const one = known.get(mutant);
  return !one || (one.outcome !== "accepted" && (!values.open || isOpen(one)));
};
if (values.report) report(readKnown());
else await tryAll();

async function tryAll(): Promise<void> {
  const wanted = all.filter(({ mutant }) => isToBeTried(mutant));
  const chosen = values.sample === undefined ? wanted : sampleOf(wanted, Number(values.sample), Number(values.seed));
  const changed = sources.filter((source) => chosen.some((one) => one.source === source));
  const testFiles = testsOf(changed).filter((file) => values.tests.some((folder) => file.startsWith(folder)));
  console.log(`${chosen.length} of ${all.length} mutants in ${changed.length} files, ${testFiles.length} test files`);
  const covered = await inParallel(testFiles, async (file) => {
    const test = await coverOnce(file, baselineLimitMs);
    if (test === undefined) console.log(`left out, since it fails without any mutant: ${file}`);
    return test;
  });
  const tests = covered.filter((test) => test !== undefined);
  const judged = await inParallel(changed, async (source) => {
    const mutants = chosen.filter((one) => one.source === source).map(({ mutant }) => mutant);
    const results = new Map((await judgeSource(source, mutants, tests)).map((one) => [one.mutant, one]));
    const ofSource = (mutantsBySource.get(source) ?? []).flatMap((mutant) => {
      return results.get(mutant) ?? known.get(mutant) ?? [];
    });
    writeResults(source, ofSource);
    console.log(`${new Date().toISOString()} ${mutants.length} mutants of ${source}`);
    return [...results.values()];
  });
  report(values.sample === undefined ? readKnown() : judged.flat());
}

function report(judged: readonly Judged[]): void {
  const open = judged.filter(isOpen);
  if (values.report) for (const one of open) console.log(`${one.outcome}: ${nameOf(one)}`);
  console.log(`\n${tableOf(judged)}`);
  const untried = values.sample === undefined ? all.length - judged.length : 0;
  if (untried > 0) console.log(`${untried} mutants were not tried`);
  if (open.length > 0) process.exitCode = 1;
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

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T);
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, lane));
  return results;
}
