/**
 * The benchmark suite: `npm run bench`, or `node bench/run.ts [--quick] [--minutes n] [part ...]`. The parts run one
 * after the other, each in its own process, and can be run alone: `node bench/<part>.ts`. At the end it writes
 * bench/RESULTS.md from all existing results. `--quick` checks in a few minutes that everything runs, and writes to
 * .local/bench.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readOptions } from "./measure/options.ts";
import { resultsFolder } from "./measure/part.ts";
import { reportOf } from "./measure/report.ts";

const parts = [
  "economy",
  "fleet",
  "cached",
  "cold",
  "scale",
  "cold-start",
  "telemetry-costs",
  "telemetry-delivery",
  "metadata-rollover",
  "relying-parties",
  "made-up-keys",
  "ledger-throughput",
  "audit-throughput",
  "simulation",
  "baseline",
  "soak",
];
/** These take no options and always write real results. */
const alwaysReal = new Set(["ledger-throughput", "baseline"]);

const options = readOptions();
const unknown = options.parts.filter((part) => !parts.includes(part));
if (unknown.length > 0) {
  console.error(`there is no part ${unknown.join(", ")}; there are ${parts.join(", ")}`);
  process.exit(2);
}
const chosen =
  options.parts.length > 0 ? options.parts : parts.filter((part) => !options.quick || !alwaysReal.has(part));
const args = ["--minutes", `${options.minutes}`, "--seed", `${options.seed}`, ...(options.quick ? ["--quick"] : [])];
const failed: string[] = [];
for (const part of chosen) {
  console.log(`\n--- ${part}`);
  const file = fileURLToPath(new URL(`${part}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...(alwaysReal.has(part) ? [] : args)], { stdio: "inherit" });
  if (status !== 0) failed.push(part);
}
const folder = resultsFolder(options.quick);
const report = options.quick ? `${folder}RESULTS.md` : fileURLToPath(new URL("RESULTS.md", import.meta.url));
writeFileSync(report, reportOf(folder, parts, options.quick ? "" : "results/"));
console.log(`\n${report}`);
if (failed.length > 0) {
  console.error(`these parts ended with an error: ${failed.join(", ")}`);
  process.exitCode = 1;
}
