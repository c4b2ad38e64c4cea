import { mkdirSync, writeFileSync } from "node:fs";
import { randomOf } from "../local/synthetic-year/random.ts";
import { replay } from "../local/synthetic-year/replay.ts";
import { indexOf, profiles } from "../local/synthetic-year/synthetic-year.ts";
import { windowsPerHour } from "../src/domain/audit/sign-rate.ts";
import { bestPossible } from "./baseline/best-possible.ts";
import { chartOf } from "./baseline/chart.ts";
import { evaluate, judgeYear } from "./baseline/evaluate.ts";
import { markdownOf, type Results } from "./baseline/report.ts";
import { alarmsOfScaleOuts } from "./baseline/scale-outs.ts";

/**
 * Measures the baseline of the sign rate on synthetic years: `node bench/baseline.ts`. The same seed gives the same
 * table.
 */
const seed = 20_270_101;
const years = 5;
const injections = 50;

const results: Results = {
  seed,
  years,
  injections,
  profiles: profiles.map((profile) => evaluate(profile, seed, years, injections)),
  scaleOuts: profiles.map((profile) => alarmsOfScaleOuts(profile, seed, years)),
  bestPossible: [1 / 12, 3, 5, 8, 12, 240].map((rate) => bestPossible(Math.round(rate * 100) / 100)),
};
const markdown = markdownOf(results);
const folder = new URL("results/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("baseline.json", folder), `${JSON.stringify(results, undefined, 2)}\n`);
writeFileSync(new URL("baseline.md", folder), markdown);
writeFileSync(new URL("baseline.svg", folder), chart());
console.log(markdown);

/** Two weeks with Ascension Day, a threefold burst of half an hour, and a broker outage of an hour. */
function chart(): string {
  const [fromMs, toMs] = [Date.UTC(2027, 4, 3), Date.UTC(2027, 4, 17)];
  const burst = indexOf(Date.UTC(2027, 4, 11, 12));
  const death = indexOf(Date.UTC(2027, 4, 13, 8));
  const [, medium] = profiles;
  if (!medium) throw new Error("no profile");
  const { year, judged } = judgeYear(medium, randomOf(seed));
  const shown = replay(
    fromMs,
    toMs,
    (startMs) => {
      const i = indexOf(startMs);
      const signs = year.signs[i] ?? 0;
      if (i >= burst && i < burst + windowsPerHour / 2) return 3 * signs;
      return i >= death && i < death + windowsPerHour ? 0 : signs;
    },
    judged,
  );
  return chartOf("Key with 12 signatures a window at peak, 3 to 16 May 2027 (synthetic)", shown.windows, shown.alarms);
}
