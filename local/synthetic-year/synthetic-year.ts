import { hourMs, weekMs, windowMs, windowsPerHour } from "../../src/domain/audit/sign-rate.ts";
import type { Random } from "./random.ts";

/**
 * Synthetic traffic of one key, not a measurement: eight weeks to learn from, then a plausible 2027 in Germany. Each
 * window's signs are Poisson around a rate. Real tokens are renewed every 60 to 90 minutes, more regularly than that,
 * so real keys should give fewer false alarms than these.
 */
export const yearStartMs = Date.UTC(2027, 0, 1);
export const yearEndMs = Date.UTC(2028, 0, 1);
/** Three weeks of cold start and eight weeks of history before the year that is counted. */
export const originMs = yearStartMs - 11 * weekMs - (yearStartMs % hourMs);

export interface Profile {
  name: string;
  about: string;
  /** Signs per window at the busiest time, at the start of the year. */
  peak: number;
  kind: "business-hours" | "always" | "batch";
}

export const profiles: readonly Profile[] = [
  { name: "large", about: "0.8 a second at peak, business hours", peak: 240, kind: "business-hours" },
  { name: "medium", about: "12 a window at peak, business hours", peak: 12, kind: "business-hours" },
  { name: "small", about: "3 a window at peak, business hours", peak: 3, kind: "business-hours" },
  { name: "sparse", about: "1 an hour, day and night", peak: 1 / windowsPerHour, kind: "always" },
  { name: "batch", about: "50 a window for half an hour each night", peak: 50, kind: "batch" },
];

export interface SyntheticYear {
  profile: Profile;
  /** Expected and drawn signs of each window from `originMs` on. */
  rates: Float64Array;
  signs: Int32Array;
  /** The one real outage. An alarm during it, or during the catch-up after it, is correct. */
  outage: { startMs: number; endMs: number };
}

const growthPerYear = 1.3;
const dayNoise = 0.08;
const hourNoise = 0.08;
const deploymentsPerWeek = 2;
const deploymentMultiple = 1.8;
const outageWindows = 9;
const holidays = new Set(
  [
    "2026-12-25",
    "2026-12-26",
    "2027-01-01",
    "2027-03-26",
    "2027-03-29",
    "2027-05-01",
    "2027-05-06",
    "2027-05-17",
  ].concat(["2027-10-03", "2027-11-01", "2027-12-24", "2027-12-31"]),
);

export function indexOf(startMs: number): number {
  return Math.round((startMs - originMs) / windowMs);
}

export function createYear(profile: Profile, random: Random): SyntheticYear {
  const length = indexOf(yearEndMs);
  const rates = new Float64Array(length);
  const outageStart = indexOf(Date.UTC(2027, 5, 1, 9) + Math.floor(random.next() * 28) * 24 * hourMs);
  let [day, hour, batchStart] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    const startMs = originMs + i * windowMs;
    if (startMs % (24 * hourMs) === 0) {
      day = random.normal();
      // From 01:00 UTC, up to a quarter of an hour late.
      batchStart = i + windowsPerHour + Math.floor(random.next() * 4);
    }
    if (startMs % hourMs === 0) hour = 0.7 * hour + 0.7 * random.normal();
    const noise = Math.exp(dayNoise * day + hourNoise * hour);
    const growth = growthPerYear ** ((startMs - yearStartMs) / (yearEndMs - yearStartMs));
    rates[i] = profile.peak * growth * noise * shapeOf(profile, startMs, i - batchStart);
  }
  if (profile.kind !== "batch") addDeployments(rates, random);
  for (let i = 0; i < outageWindows; i++) rates[outageStart + i] = 0;
  // Tokens that expired in the meantime are requested at once.
  for (let i = 0; i < 3; i++)
    rates[outageStart + outageWindows + i] = 3 * (rates[outageStart + outageWindows + i] ?? 0);
  const outage = {
    startMs: originMs + outageStart * windowMs,
    endMs: originMs + (outageStart + outageWindows + windowsPerHour) * windowMs,
  };
  return { profile, rates, signs: Int32Array.from(rates, (rate) => random.poisson(rate)), outage };
}

function shapeOf(profile: Profile, startMs: number, sinceBatchStart: number): number {
  if (profile.kind === "always") return 1;
  if (profile.kind === "batch") return sinceBatchStart >= 0 && sinceBatchStart < 6 ? 1 : 0;
  const night = 0.05;
  const { hour, isWorkday, isChristmas } = localTime(startMs);
  const rise = Math.min(1, Math.max(0, (hour - 6.5) / 2));
  const fall = Math.min(1, Math.max(0, (20 - hour) / 3));
  const lunch = hour >= 12 && hour < 13 ? 0.85 : 1;
  const level = isWorkday ? (isChristmas ? 0.6 : 1) : 0.12;
  return night + (1 - night) * level * Math.min(rise, fall) * lunch;
}

interface LocalTime {
  hour: number;
  isWorkday: boolean;
  isChristmas: boolean;
}

/** The same in all years and for all keys. */
const localTimes = new Map<number, LocalTime>();

function localTime(startMs: number): LocalTime {
  const known = localTimes.get(startMs) ?? localTimeOf(startMs);
  localTimes.set(startMs, known);
  return known;
}

/** Central European time, with summer time. */
function localTimeOf(startMs: number): LocalTime {
  const isSummer = startMs >= Date.UTC(2027, 2, 28, 1) && startMs < Date.UTC(2027, 9, 31, 1);
  const local = new Date(startMs + (isSummer ? 2 : 1) * hourMs);
  const date = local.toISOString().slice(0, 10);
  const weekday = local.getUTCDay();
  return {
    hour: local.getUTCHours() + local.getUTCMinutes() / 60,
    isWorkday: weekday !== 0 && weekday !== 6 && !holidays.has(date),
    isChristmas: date >= "2027-12-24" || (date >= "2026-12-24" && date < "2027-01-07"),
  };
}

/** Monday to Friday, 09:00 to 17:00 local, no holiday. */
export function isBusinessHour(startMs: number): boolean {
  const { hour, isWorkday } = localTime(startMs);
  return isWorkday && hour >= 9 && hour < 17;
}

function addDeployments(rates: Float64Array, random: Random): void {
  const isDeployment = (deploymentsPerWeek * windowMs) / (40 * hourMs);
  for (let i = 0; i < rates.length; i++) {
    if (!isBusinessHour(originMs + i * windowMs) || random.next() >= isDeployment) continue;
    rates[i] = deploymentMultiple * (rates[i] ?? 0);
  }
}
