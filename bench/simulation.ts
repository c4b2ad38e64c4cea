import { availableParallelism } from "node:os";
import { runSeeds, type SeedResult } from "../test/simulation/seeds.ts";
import { type Measurement, runPart } from "./measure/part.ts";

/**
 * Checks a million signatures of simulated fleets for what their audits missed and for false findings: `node
 * bench/simulation.ts`. These are the same runs as `npm run simulate`.
 */
const longestSeconds = 600;

await runPart("simulation", async ({ quick }): Promise<Measurement> => {
  const [seeds, signatures] = quick ? [2, 500] : [20, 50_000];
  const jobs = availableParallelism();
  const startedMs = performance.now();
  const orders = Array.from({ length: seeds }, (_, i) => ({
    ...{ seed: i + 1, signatures, without: [], shrinks: false },
  }));
  const results = await runSeeds(orders, jobs, ({ seed, violations, cpuSeconds }) =>
    console.log(`seed ${seed}: ${violations.length} violations, ${cpuSeconds.toFixed(0)} s`),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  const sum = (of: (result: SeedResult) => number) => results.reduce((all, result) => all + of(result), 0);
  const made = sum(({ counts }) => counts.signatures ?? 0);
  const violations = sum((result) => result.violations.length);
  const wanted = seeds * signatures;
  return {
    title: "A million signatures of simulated fleets",
    about:
      "The real domain code of 1 to 40 instances in virtual time, with faults and an attacker who also writes to the " +
      "ledger ([sign-audit.md](../docs/explain/sign-audit.md#in-a-simulation)). A violation is a theft that was missed, " +
      `a finding that was invented, or an invariant that did not hold. Seeds 1 to ${seeds}, ${jobs} processes at once; ` +
      "the same seed is the same run.",
    targets: [
      { what: "signatures", target: `${wanted}`, measured: `${made}`, met: made >= wanted },
      { what: "missed, invented or violated", target: "0", measured: `${violations}`, met: violations === 0 },
      {
        what: `duration with ${jobs} processes`,
        target: "< 10 minutes",
        measured: `${(seconds / 60).toFixed(1)} minutes`,
        met: seconds < longestSeconds,
      },
    ],
    tables: [tableOf(results)],
    samples: { results },
  };
});

function tableOf(results: readonly SeedResult[]) {
  const names = Object.keys(results[0]?.counts ?? {});
  return {
    head: ["seed", "instances", "shared tokens", "log has User-Agents", "hours", ...names, "violations", "CPU"],
    rows: results.map(({ seed, instances, sharesTokens, logsUserAgents, virtualHours, cpuSeconds, ...of }) => [
      ...[`${seed}`, `${instances}`, yes(sharesTokens), yes(logsUserAgents), virtualHours.toFixed(1)],
      ...names.map((name) => `${of.counts[name] ?? 0}`),
      ...[`${of.violations.length}`, `${cpuSeconds.toFixed(0)} s`],
    ]),
  };
}

function yes(is: boolean): string {
  return is ? "yes" : "no";
}
