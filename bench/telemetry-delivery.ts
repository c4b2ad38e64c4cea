import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Measurement, runPart } from "./measure/part.ts";
import type { Outcome } from "./telemetry-delivery/run-trouble.ts";
import { troubles } from "./telemetry-delivery/trouble.ts";

/**
 * Measures which telemetry arrives while Application Insights is in trouble: `node bench/telemetry-delivery.ts`. Each
 * kind of trouble runs in a separate process, in virtual time. BENCH_BEFORE names another checkout of Keyhold to
 * compare with.
 */
const run = promisify(execFile);
const before = process.env.BENCH_BEFORE;
const own = fileURLToPath(new URL("../src/adapters/telemetry/telemetry.ts", import.meta.url));
const roads: Record<string, string> = {
  "distribution alone": "alone",
  ...(before !== undefined && { before: join(before, "src/adapters/telemetry/telemetry.ts") }),
  Keyhold: own,
};
const runner = fileURLToPath(new URL("telemetry-delivery/run-trouble.ts", import.meta.url));

await runPart("telemetry-delivery", async ({ quick }): Promise<Measurement> => {
  const samples: Record<string, Record<string, Outcome>> = {};
  for (const [index, { what, untilMs }] of troubles.entries()) {
    if (quick && untilMs > 0) continue;
    const outcomes = Object.entries(roads).map(async ([name, road]) => {
      const { stdout } = await run(process.execPath, [runner, road, `${index}`]);
      return [name, JSON.parse(stdout) as Outcome] as const;
    });
    samples[what] = Object.fromEntries(await Promise.all(outcomes));
  }
  const outcomes = Object.values(samples).flatMap(({ Keyhold }) => Keyhold ?? []);
  const silent = outcomes.reduce(
    (sum, each) => sum + Math.max(0, each.recorded - each.inAnHour - each.onDisk - each.countedLost),
    0,
  );
  return {
    title: "What arrives of telemetry in trouble",
    about:
      "Twenty events a second for a minute, or for ten seconds where the process ends; then an hour passes. The exporter, its disk and " +
      "its retries are the real ones; Application Insights is a function. Each cell: events that arrived within ten minutes of the end " +
      "of the trouble / within an hour / that are on disk then / that were counted as lost. What is counted may still arrive, from the disk. " +
      "The distribution alone counts nothing.",
    targets: [
      {
        what: "events that neither arrived, nor are on disk, nor were counted",
        target: "0",
        measured: `${silent}`,
        met: silent === 0,
      },
    ],
    tables: [
      {
        head: ["trouble", "events", ...Object.keys(roads)],
        rows: Object.entries(samples).map(([what, byRoad]) => [
          what,
          `${Object.values(byRoad)[0]?.recorded}`,
          ...Object.values(byRoad).map(({ soon, inAnHour, onDisk, countedLost }) =>
            [soon, inAnHour, onDisk, countedLost].join(" / "),
          ),
        ]),
      },
    ],
    samples,
  };
});
