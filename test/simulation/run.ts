/**
 * `npm run simulate -- [--seed n] [--seeds n] [--signatures n] [--jobs n] [--without fault,...] [--no-shrink]`: fleets in
 * virtual time, with faults and a thief, whose audit must find every theft and invent none. Runs seeds from `--seed` on
 * until all have made the signatures, `--jobs` at once (preset: as many as there are processors). A seed that fails is
 * run again with less and less, until nothing can be left out; ends with exit code 1.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { type FaultName, faultNames } from "./plan.ts";
import { runSeeds, type SeedResult } from "./seeds.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "20" },
    signatures: { type: "string", default: "1000000" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    without: { type: "string", default: "" },
    "no-shrink": { type: "boolean", default: false },
  },
});
const seeds = Number(values.seeds);
const signatures = Math.ceil(Number(values.signatures) / seeds);
const without = values.without.split(",").filter((name): name is FaultName => faultNames.includes(name as FaultName));
const orders = Array.from({ length: seeds }, (_, i) => ({
  ...{ seed: Number(values.seed) + i, signatures, without, shrinks: !values["no-shrink"] },
}));

const startedMs = performance.now();
let ended = 0;
showProgress();
const results = await runSeeds(orders, Number(values.jobs), (result) => {
  ended += 1;
  console.log(lineOf(result));
  showProgress();
});
process.exitCode = results.some(({ violations }) => violations.length > 0) ? 1 : 0;

function lineOf({ seed, instances, sharesTokens, virtualHours, cpuSeconds, counts, violations, least }: SeedResult) {
  const facts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return [
    `seed ${seed}: ${instances} instances${sharesTokens ? ", shared tokens" : ""}, ${virtualHours.toFixed(1)} h in ` +
      `${cpuSeconds.toFixed(1)} s: ${facts.join(", ")}; violations ${violations.length}`,
    ...kindsOf(violations),
    ...(least
      ? [`  still fails with ${least.signatures} signatures and these faults: ${least.faults.join(",") || "none"}`]
      : []),
  ].join("\n");
}

/** One of each kind, with their number. */
function kindsOf(violations: readonly string[]): string[] {
  const kinds = Map.groupBy(violations, (violation) => violation.split(" ").slice(0, 4).join(" "));
  return [...kinds.values()].map((all) => `  ${all.length} times: ${all[0]}`);
}

/** One line, only for people who watch. */
function showProgress(): void {
  if (!process.stderr.isTTY) return;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const line = `${ended} of ${seeds} seeds, ${ended * signatures} signatures, ${seconds} s`;
  process.stderr.write(ended < seeds ? `\r${line}\r` : `${line}\n`);
}
