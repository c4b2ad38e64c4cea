import { pathToFileURL } from "node:url";
import { repository } from "../support/source-tree.ts";
import { type CoveredTest, dependentsOf, testsFor } from "./coverage.ts";
import type { Mutant } from "./mutants.ts";
import { isOpen, type Judged, nameOf, type Outcome } from "./results.ts";
import { runTest } from "./run-test.ts";
import { createWorkers } from "./workers.ts";

/** Milliseconds of a test file that is run in a process of its own each time: starting that is little against it. */
const longMs = 20_000;

/** Finds out of each mutant of a source file whether a test notices it; what no test notices is printed. */
export async function judgeSource(
  source: string,
  mutants: readonly Mutant[],
  tests: readonly CoveredTest[],
): Promise<Judged[]> {
  const workers = createWorkers();
  const anew = dependentsOf(source);
  /** By test file: whether it passes again and again in one process. */
  const repeatable = new Map<string, boolean>();
  /** By test file: how many mutants it has noticed. */
  const noticed = new Map<string, number>();

  async function passes({ file, durationMs }: CoveredTest, times: number): Promise<boolean> {
    for (let i = 0; i < times; i++) {
      if ((await workers.run({ testFile: file, anew }, limitOf(durationMs))) !== "passed") return false;
    }
    return true;
  }

  async function notices(test: CoveredTest, mutant: Mutant): Promise<"killed" | "timed out" | undefined> {
    const { file, durationMs } = test;
    const limitMs = limitOf(durationMs);
    if (!repeatable.has(file)) repeatable.set(file, durationMs < longMs && (await passes(test, 2)));
    if (repeatable.get(file)) {
      const result = await workers.run({ testFile: file, mutant: { ...mutant, source }, anew }, limitMs);
      if (result === "passed") return undefined;
      if (result === "failed") return "killed";
      if (result === "timed out") return result;
    }
    const url = pathToFileURL(`${repository}${source}`).href;
    const result = await runTest(file, { limitMs, mutant: { ...mutant, url } });
    return result === "passed" ? undefined : result === "failed" ? "killed" : result;
  }

  async function judge(mutant: Mutant): Promise<Outcome> {
    const relevant = testsFor(source, mutant, tests, noticed);
    for (const test of relevant) {
      const outcome = await notices(test, mutant);
      if (outcome === undefined) continue;
      noticed.set(test.file, (noticed.get(test.file) ?? 0) + 1);
      return outcome;
    }
    return relevant.length === 0 ? "not covered" : "survived";
  }

  const judged: Judged[] = [];
  for (const mutant of mutants) {
    const one = { source, mutant, outcome: await judge(mutant) };
    if (isOpen(one)) console.log(`${one.outcome}: ${nameOf(one)}`);
    judged.push(one);
  }
  // What a mutant leaves behind may make the tests of the next one fail.
  for (const test of tests.filter(({ file }) => noticed.has(file) && repeatable.get(file))) {
    if (!(await passes(test, 1))) console.log(`to be tried again, ${test.file} does not pass any more: ${source}`);
  }
  workers.stop();
  return judged;
}

/** Much more than it took: other work on the machine is no proof of an endless loop. */
function limitOf(durationMs: number): number {
  return 10_000 + 5 * durationMs;
}
