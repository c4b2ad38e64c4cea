import type { Random } from "../../local/synthetic-year/random.ts";
import { replay } from "../../local/synthetic-year/replay.ts";
import {
  indexOf,
  isBusinessHour,
  type Profile,
  type SyntheticYear,
  yearEndMs,
  yearStartMs,
} from "../../local/synthetic-year/synthetic-year.ts";
import {
  hourMs,
  type JudgedWindow,
  type SignHistory,
  weekMs,
  windowMs,
  windowsPerHour,
} from "../../src/domain/audit/sign-rate.ts";

/** A change injected into a year at a random time, and how long to wait for an alarm. */
export interface Incident {
  name: string;
  /** The alarm that counts as a detection. */
  expected: "above" | "below";
  horizonWindows: number;
  /** The target of the issue: an incident found after more windows than this is not found in time. */
  targetWindows?: number;
  /** Keys for which it would have no effect, or the same effect as another incident. */
  not?: readonly Profile["kind"][];
  mayStart(startMs: number, year: SyntheticYear): boolean;
  /** The signatures of window `i` after its start, instead of `signs` where `rate` was expected. */
  change(signs: number, rate: number, i: number, random: Random): number;
}

const day = 24 * windowsPerHour;

/** For a batch key, its batch takes the place of business hours. For a key that is always in use, all hours count. */
function isBusy(startMs: number, { profile, rates }: SyntheticYear): boolean {
  if (profile.kind === "always") return true;
  if (profile.kind === "batch") return (rates[indexOf(startMs)] ?? 0) > 0 && (rates[indexOf(startMs) + 1] ?? 0) > 0;
  return isBusinessHour(startMs);
}

export const incidents: readonly Incident[] = [
  {
    name: "threefold burst, busy hours",
    expected: "above",
    horizonWindows: 24,
    targetWindows: 2,
    mayStart: isBusy,
    change: (signs, rate, _, random) => signs + random.poisson(2 * rate),
  },
  {
    name: "threefold burst, other hours",
    expected: "above",
    not: ["always", "batch"],
    horizonWindows: 24,
    mayStart: (startMs, year) => !isBusy(startMs, year),
    change: (signs, rate, _, random) => signs + random.poisson(2 * rate),
  },
  {
    name: "dead broker, busy hours",
    expected: "below",
    horizonWindows: 3 * day,
    targetWindows: 3,
    mayStart: isBusy,
    change: () => 0,
  },
  {
    name: "dead broker, other hours",
    expected: "below",
    not: ["always"],
    horizonWindows: 3 * day,
    mayStart: (startMs, year) => !isBusy(startMs, year),
    change: () => 0,
  },
  {
    name: "gradual theft, 0 to +200 % in two days",
    expected: "above",
    horizonWindows: 3 * day,
    mayStart: () => true,
    change: (signs, rate, i, random) => signs + random.poisson(rate * Math.min(2, i / day)),
  },
  {
    name: "slow leak, one more an hour, two weeks",
    expected: "above",
    horizonWindows: 14 * day,
    mayStart: () => true,
    change: (signs, _, i) => signs + (i % windowsPerHour === 0 ? 1 : 0),
  },
  {
    name: "restart of all instances, x6 for 15 minutes",
    expected: "above",
    horizonWindows: 3,
    mayStart: isBusy,
    change: (signs, rate, i, random) => (i < 3 ? signs + random.poisson(5 * rate) : signs),
  },
  {
    name: "slowly heated water, a tenth more each week, 12 weeks",
    expected: "above",
    horizonWindows: 84 * day,
    mayStart: (startMs) => startMs < yearEndMs - 12 * weekMs,
    change: (signs, rate, i, random) => signs + random.poisson(rate * (1.1 ** (i / (7 * day)) - 1)),
  },
];

export interface Found {
  incident: string;
  injections: number;
  found: number;
  /** Over the incidents that were found. 1 is the window in which the incident began. */
  medianWindows: number | undefined;
  worstWindows: number | undefined;
  targetWindows?: number;
  inTime?: number;
}

/** Injects the incident at random windows of the year. Each injection starts from the unchanged year. */
export function inject(
  incident: Incident,
  year: SyntheticYear,
  judged: SignHistory,
  random: Random,
  injections: number,
): Found {
  const delays: number[] = [];
  for (let n = 0; n < injections; n++) {
    const startMs = pickStart(incident, year, judged, random);
    const signsAt = (ms: number) => {
      const i = indexOf(ms);
      return incident.change(year.signs[i] ?? 0, year.rates[i] ?? 0, indexOf(ms) - indexOf(startMs), random);
    };
    // An alarm that the year raises without the incident as well does not count.
    const isFinding = (alarm: JudgedWindow) =>
      alarm.verdict === incident.expected && judged.get(alarm.startMs)?.verdict !== incident.expected;
    const endMs = startMs + incident.horizonWindows * windowMs;
    const finding = replay(startMs, endMs, signsAt, judged, isFinding).alarms.find(isFinding);
    if (finding) delays.push((finding.startMs - startMs) / windowMs + 1);
  }
  delays.sort((a, b) => a - b);
  const { targetWindows } = incident;
  return {
    incident: incident.name,
    injections,
    found: delays.length,
    medianWindows: delays[Math.floor((delays.length - 1) / 2)],
    worstWindows: delays.at(-1),
    ...(targetWindows === undefined ? {} : { targetWindows, inTime: delays.filter((d) => d <= targetWindows).length }),
  };
}

/** A start away from the year's own outage and its alarms, with time left for the whole incident. */
function pickStart(incident: Incident, year: SyntheticYear, judged: SignHistory, random: Random): number {
  const windows = (yearEndMs - yearStartMs - 3 * weekMs) / windowMs;
  for (;;) {
    const startMs = yearStartMs + Math.floor(random.next() * windows) * windowMs;
    const isNearOutage = Math.abs(startMs - year.outage.startMs) < 24 * hourMs;
    const isCalm = Array.from({ length: 13 }, (_, i) => judged.get(startMs - i * windowMs)?.verdict).every(
      (verdict) => verdict === "normal",
    );
    if (!isNearOutage && isCalm && incident.mayStart(startMs, year)) return startMs;
  }
}
