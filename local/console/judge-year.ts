/**
 * The process behind `judgedYear`: the product's own verdict on a random year. The seed is fixed, so the year is always
 * the same.
 */

import { windowMs, windowsPerHour } from "../../src/domain/audit/sign-rate.ts";
import { randomOf } from "../synthetic-year/random.ts";
import { replay } from "../synthetic-year/replay.ts";
import { createYear, indexOf, originMs, profiles, yearEndMs, yearStartMs } from "../synthetic-year/synthetic-year.ts";
import type { Year } from "./snapshot.ts";

const seed = 20_270_101;
const profile = profiles.find(({ name }) => name === process.argv[2]) ?? profiles[1];
if (!profile) throw new Error("no profile");
const year = createYear(profile, randomOf(seed));

/** The added incidents; the outage is part of the year itself: [first window, windows, multiple, what it is]. */
const incidents = [
  [indexOf(Date.UTC(2027, 2, 9, 10)), windowsPerHour / 2, 3, "three times the usual for half an hour"],
  [indexOf(Date.UTC(2027, 4, 13, 8)), windowsPerHour, 0, "a broker that is dead for an hour"],
  [indexOf(Date.UTC(2027, 9, 17, 2)), windowsPerHour, 25, "somebody who signs in the small hours of a Sunday"],
] as const;

const { windows, alarms } = replay(originMs, yearEndMs, (startMs) => {
  const index = indexOf(startMs);
  const signs = year.signs[index] ?? 0;
  const incident = incidents.find(([from, length]) => index >= from && index < from + length);
  return incident ? Math.round(incident[2] * Math.max(signs, incident[2] > 0 ? 1 : 0)) : signs;
});
const counted = windows.filter(({ startMs }) => startMs >= yearStartMs);
const hourly = counted.filter((_, i) => i % windowsPerHour === 0).map(({ band }) => band);
const tenth = (value: number) => Math.round(value * 10) / 10;

const judged: Year = {
  about: profile.about,
  fromMs: yearStartMs,
  windowMs,
  signs: counted.map(({ signs }) => signs),
  bands: {
    low: hourly.map(({ low }) => tenth(low)),
    median: hourly.map(({ median }) => tenth(median)),
    high: hourly.map(({ high }) => tenth(high)),
  },
  alarms: alarms
    .filter(({ startMs }) => startMs >= yearStartMs)
    .map(({ startMs, verdict }) => ({
      index: Math.round((startMs - yearStartMs) / windowMs),
      verdict,
      about: causeOf(startMs),
    })),
};
process.stdout.write(JSON.stringify(judged));

function causeOf(startMs: number): string {
  const index = indexOf(startMs);
  const incident = incidents.find(([from, length]) => index >= from && index < from + length + windowsPerHour);
  if (incident) return incident[3];
  const isOutage = startMs >= year.outage.startMs && startMs < year.outage.endMs;
  return isOutage ? "the outage of the year, and what follows it" : "a false alarm: this year has nothing there";
}
