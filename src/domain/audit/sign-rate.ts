/**
 * How often a key signs, in windows of five minutes, and how that compares with its baseline. All times are the starts
 * of windows, milliseconds since 1970, UTC.
 */
export const windowMs = 300_000;
/** A window is counted this long after its end, because the log is up to ten minutes late. */
export const settleMs = 15 * 60_000;
export const hourMs = 3_600_000;
export const weekMs = 604_800_000;
export const windowsPerHour = hourMs / windowMs;

/** Signatures that the vault's log shows for one key. A window without any is one with 0, not a missing one. */
export interface SignWindow {
  startMs: number;
  signs: number;
}

/** What is usual in one window. `0 <= low <= median <= high`. */
export interface Band {
  /** A window with this or less is quiet; a run of quiet windows is an alarm (sign-rate-verdict.ts). */
  low: number;
  /** Signs per window in this hour of the week: the median over the weeks. 0 in a cold start. */
  median: number;
  /** A window with more is an alarm by itself. */
  high: number;
  /** `median` of the quietest and of the busiest of this hour and its two neighbours. */
  quietest: number;
  busiest: number;
  /** Scaled MAD of a window's share in the hour: how much the level differs from week to week. */
  spread: number;
  /** `cold-start`: too few weeks known, `high` is a static limit, nothing is below. */
  basis: "history" | "cold-start";
}

/** `not-judged`: in a cold start, unless above its static limit. */
export type SignRateVerdict = "normal" | "above" | "below" | "not-judged";

/** What is stored. The band is the one at that time, so that a verdict can be explained later. */
export interface JudgedWindow extends SignWindow {
  verdict: SignRateVerdict;
  band: Band;
}

/** One key's windows by `startMs`, of the last eight weeks and two hours. A missing one was not counted. */
export type SignHistory = Pick<ReadonlyMap<number, JudgedWindow>, "get">;

/**
 * How many spreads above the expected. At 4.7 the evaluation's noisiest key has about one false alarm a year, at 4.4 it
 * had up to eight; more would lose bursts of keys that sign 12 times a window.
 */
const deviations = 4.7;

/**
 * The limit is also never below these multiples of the expected, by number of windows. A deployment with an empty cache
 * is 1.8 times the usual for one window and the level of a day 10 % off; a burst worth waking somebody is 3 times for
 * two windows.
 */
const leastMultiple: Readonly<Record<Span, number>> = { 1: 3.3, 2: 2.2, 12: 1.75 };

/** A window with at most this part of the quietest expected is quiet: an outage's last retries, not a holiday. */
export const quietPart = 0.1;

export type Span = 1 | 2 | 12;

/** Numbers of windows: one for a sudden burst, two for a certain one, an hour for small or sparse ones. */
export const spans: readonly Span[] = [1, 2, 12];

/**
 * The most signatures that are usual in `span` windows in which `expected` are expected. The spread is at least that of
 * chance (Poisson: the root of the expected); the last term is the skew of a Poisson distribution (Cornish-Fisher).
 */
export function highestUsual(span: Span, expected: number, spread: number): number {
  const byChance = expected + deviations * Math.hypot(Math.sqrt(expected), spread) + (deviations ** 2 - 1) / 6;
  return Math.max(byChance, leastMultiple[span] * expected);
}
