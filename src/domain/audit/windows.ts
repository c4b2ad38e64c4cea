import { windowMs } from "./sign-rate.ts";

/**
 * Which windows of time the next run of the audit evaluates, and what it remembers after each. Pure: plain data in and
 * out; it does not read, write or evaluate. Against whoever hopes that a crash, an outage or a late row of the vault's
 * log lets a signature pass between two runs (T7, T15).
 *
 * A window is first evaluated when the log has had time to settle, again in every run, and for the last time once it is
 * old: only then the watermark passes it. So the watermark is the end of the last window that is done, and a crash at
 * any point repeats work and never skips any. A row that comes later still is found by the time it was ingested, and
 * its windows are visited again, however old. Results are stored by the start of their window, so repeating is harmless.
 *
 * The clock must not run ahead of the log's: give the earlier of ours and the log's own `now()`.
 */

/** The log lags up to ten minutes, and what follows a window is read with it. */
export const settleMs = 15 * 60_000;
/** Twice the grace of a missing record (reconcile.ts): the last planned look reports it. */
export const finalAgeMs = 2 * 60 * 60_000;
/** In one run. More than `finalAgeMs` has, so that a run after an outage always gets on. */
const windowsPerRun = 72;
const revisitsPerRun = 36;
/** Rows can be found a while after the time of ingestion that they carry. */
const arrivalOverlapMs = 60 * 60_000;
/** How far a row can bear on a ledger row of another window (`sameRequestMs` in reconcile.ts). */
const rowReachMs = 10 * 60_000;

export interface AuditState {
  /** All windows that end here or earlier were evaluated when they were old. */
  watermarkMs: number;
  /** Rows that the log ingested until then were looked at for late ones. */
  arrivalsToMs: number;
  /** Starts of windows before the watermark that must be evaluated again, in order. */
  revisit: readonly number[];
}

export interface AuditWindow {
  fromMs: number;
  toMs: number;
}

/** For the very first run: what was before is not audited. */
export function startAuditing(nowMs: number): AuditState {
  const watermarkMs = startOfWindow(nowMs - settleMs);
  return { watermarkMs, arrivalsToMs: watermarkMs, revisit: [] };
}

/** First step of a run: ask the log for the times (`TimeGenerated`) of all rows with `ingestion_time()` in this span. */
export function arrivalsToRead(state: AuditState, nowMs: number): { fromMs: number; toMs: number } {
  const fromMs = state.arrivalsToMs - arrivalOverlapMs;
  return { fromMs, toMs: Math.max(fromMs, nowMs) };
}

/** The answer, of the span until `toMs`: to be stored before the windows are planned. */
export function noteArrivals(state: AuditState, rowTimesMs: Iterable<number>, toMs: number): AuditState {
  const revisit = new Set(state.revisit);
  for (const timeMs of rowTimesMs) {
    const lastMs = Math.min(timeMs + rowReachMs, state.watermarkMs - windowMs);
    for (let fromMs = startOfWindow(timeMs - rowReachMs); fromMs <= lastMs; fromMs += windowMs) revisit.add(fromMs);
  }
  return { ...state, arrivalsToMs: Math.max(state.arrivalsToMs, toMs), revisit: inOrder(revisit) };
}

/** Oldest first. Nothing, where the clock was set back behind the watermark. */
export function planWindows(state: AuditState, nowMs: number): AuditWindow[] {
  const starts = state.revisit.slice(0, revisitsPerRun);
  const settledMs = startOfWindow(nowMs - settleMs);
  const endMs = Math.min(settledMs, state.watermarkMs + windowsPerRun * windowMs);
  for (let fromMs = state.watermarkMs; fromMs < endMs; fromMs += windowMs) starts.push(fromMs);
  return starts.map((fromMs) => ({ fromMs, toMs: fromMs + windowMs }));
}

/**
 * After the results of a window are stored. `nowMs` is the plan's, so from before its rows were read. A window that was
 * visited again and reaches into the next one (`Reconciliation.reachesNext`) makes that one to be visited too.
 */
export function completeWindow(
  state: AuditState,
  { fromMs, toMs }: AuditWindow,
  { nowMs, reachesNext }: { nowMs: number; reachesNext: boolean },
): AuditState {
  const isRevisit = state.revisit.includes(fromMs);
  const revisit = new Set(state.revisit);
  revisit.delete(fromMs);
  if (isRevisit && reachesNext && toMs < state.watermarkMs) revisit.add(toMs);
  const isLast = fromMs === state.watermarkMs && nowMs >= toMs + finalAgeMs;
  return { ...state, watermarkMs: isLast ? toMs : state.watermarkMs, revisit: inOrder(revisit) };
}

function startOfWindow(timeMs: number): number {
  return Math.floor(timeMs / windowMs) * windowMs;
}

function inOrder(starts: ReadonlySet<number>): number[] {
  return [...starts].sort((a, b) => a - b);
}
