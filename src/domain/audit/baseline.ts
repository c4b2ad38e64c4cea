import {
  type Band,
  highestUsual,
  hourMs,
  quietPart,
  type SignHistory,
  weekMs,
  windowMs,
  windowsPerHour,
} from "./sign-rate.ts";

/**
 * What is usual for a key in an hour of the week, from the last eight weeks. Medians over weeks: up to three weeks of
 * eight may be unusual (holidays, incidents) without effect. Windows that were alarms are left out.
 *
 * It takes no account of growth: at 30 % a year the median of eight weeks is 2.6 % behind, the limits are at 75 % and
 * more. It knows no time zones: the busiest and quietest of three hours cover the shift to and from summer time.
 *
 * The constants are measured by bench/baseline.ts on synthetic years.
 */
const weeks = 8;

/** With fewer, one bad week would change the median: until then it is a cold start. */
const leastWeeks = 3;

/** An hour with fewer windows than this, after trimming, is ignored for that week. */
const leastWindows = windowsPerHour / 2;

/**
 * An hour with up to this many signatures never raises an alarm, however rare the key: medians of eight small numbers
 * are mostly chance.
 */
const leastBusiest = 1 / windowsPerHour;

/**
 * How much earlier or later a batch may come than in other weeks. Daylight saving time shifts the whole day by as much.
 */
const jitterWindows = windowsPerHour;

/** The highest of 36 windows is by chance about two spreads above the mean: more than this is a pattern, not chance. */
const peakDeviations = 3.5;

/** Scales a median absolute deviation to a standard deviation (normal distribution). */
const madScale = 1.4826;

/**
 * The cold start's limit for one window: four times what a busy service (0.8 signs a second) makes. Wide on purpose: in
 * these three weeks reconciliation, which needs no history, detects misuse.
 */
export const defaultColdStartHigh = 1000;

/** The same for all windows of one hour. */
export function bandOf(startMs: number, history: SignHistory, coldStartHigh = defaultColdStartHigh): Band {
  const hourStartMs = startMs - (startMs % hourMs);
  const here = weeklyRates(hourStartMs, history);
  if (here.length < leastWeeks) {
    return { low: 0, median: 0, high: coldStartHigh, quietest: 0, busiest: 0, spread: 0, basis: "cold-start" };
  }
  const neighbours = [hourStartMs - hourMs, hourStartMs + hourMs].map((startMs) => weeklyRates(startMs, history));
  const hours = [here, ...neighbours].filter((rates) => rates.length >= leastWeeks);
  const medians = hours.map(medianOf);
  const spread = madScale * medianOf(hours.flatMap(residualsOf));
  const quietest = Math.min(...medians);
  const rate = Math.max(leastBusiest, ...medians);
  // A batch within the hour: if the usual peak cannot be chance at this rate, the peak is expected.
  const peak = medianOf(weeklyPeaks(hourStartMs, history));
  const busiest = peak > rate + peakDeviations * Math.hypot(Math.sqrt(rate), spread) ? peak : rate;
  const high = highestUsual(1, busiest, spread);
  return { low: quietPart * quietest, median: medianOf(here), high, quietest, busiest, spread, basis: "history" };
}

/** Signs per window in the same hour of each week. */
function weeklyRates(hourStartMs: number, history: SignHistory): number[] {
  return weeksBefore(hourStartMs)
    .map((startMs) => usualSigns(startMs, windowsPerHour, history))
    .filter((signs) => signs.length >= leastWindows)
    .map((signs) => signs.reduce((sum, n) => sum + n, 0) / signs.length);
}

/** The highest window of the same hour of each week, or around it. */
function weeklyPeaks(hourStartMs: number, history: SignHistory): number[] {
  return weeksBefore(hourStartMs - jitterWindows * windowMs)
    .map((startMs) => usualSigns(startMs, windowsPerHour + 2 * jitterWindows, history))
    .filter((signs) => signs.length >= leastWindows)
    .map((signs) => Math.max(...signs));
}

function weeksBefore(startMs: number): number[] {
  return Array.from({ length: weeks }, (_, i) => startMs - (i + 1) * weekMs);
}

/** Trimmed: without the windows that were alarms, and those never counted. */
function usualSigns(startMs: number, length: number, history: SignHistory): number[] {
  const signs: number[] = [];
  for (let i = 0; i < length; i++) {
    const window = history.get(startMs + i * windowMs);
    if (window && window.verdict !== "above" && window.verdict !== "below") signs.push(window.signs);
  }
  return signs;
}

function residualsOf(rates: readonly number[]): number[] {
  const median = medianOf(rates);
  return rates.map((rate) => Math.abs(rate - median));
}

/** Of one at least. */
function medianOf(values: readonly number[]): number {
  const middle = values.length / 2;
  const middles = values.toSorted((a, b) => a - b).slice(Math.ceil(middle) - 1, Math.floor(middle) + 1);
  return middles.reduce((sum, value) => sum + value, 0) / middles.length;
}
