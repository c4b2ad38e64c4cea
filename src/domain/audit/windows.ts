import type { Carry } from "./open-intents.ts";
import { missingGraceMs } from "./reconcile.ts";
import { settleMs, windowMs } from "./sign-rate.ts";
import type { WindowCount } from "./vault-log.ts";

/**
 * Which windows of time the next run of the audit evaluates, and what it remembers after each. Pure: plain data in and
 * out; it does not read, write or evaluate. Ensures that no signature is missed between two runs because of a crash, an
 * outage or a late row of the vault's log (T7, T15).
 *
 * A window is looked at when the log has had time to settle; again after an hour and after two, where something in it
 * was left open; and whenever the number of its rows in the log is another than at the last look, however old it is. So
 * a quiet window is evaluated once, whatever its neighbours do. The watermark is the end of the last window that needs
 * no planned look, and a crash at any point repeats work and never skips any.
 *
 * The clock must not run ahead of the log's: give the earlier of ours and the log's own `now()`.
 */

/** Twice the grace of a missing record (reconcile.ts): the last planned look reports it. */
export const finalAgeMs = 2 * missingGraceMs;
/** Ages of a window, from its end, at which it is looked at; the later ones only where something is left open. */
const lookAgesMs = [settleMs, missingGraceMs, finalAgeMs];
/** In one run. More windows than `finalAgeMs` has, so that a run after an outage always makes progress. */
const windowsPerRun = 72;
/** Rows can be found a while after the time of ingestion that they carry. */
const arrivalOverlapMs = 60 * 60_000;

export interface AuditState {
  /** All windows that end here or earlier have had their planned looks. */
  watermarkMs: number;
  /** Late rows that the log ingested before this time have been looked at. */
  arrivalsToMs: number;
}

/** What the last look at a window left. */
export interface WindowLook {
  fromMs: number;
  /** When the look was, milliseconds since 1970. */
  lookedMs: number;
  /** Rows in the log at that time (`WindowCount`): a different number means that the window must be looked at again. */
  rows: number;
  isPending: boolean;
  carry: Carry;
  /** The covered signatures that were reported: request id and time of each. */
  covered: readonly string[];
}

export interface AuditWindow {
  fromMs: number;
  toMs: number;
}

/** Looks by the start of their window. */
export type Looks = ReadonlyMap<number, WindowLook>;

/** For the very first run: what was before is not audited. */
export function startAuditing(nowMs: number): AuditState {
  const watermarkMs = startOfWindow(nowMs - settleMs);
  return { watermarkMs, arrivalsToMs: watermarkMs };
}

/** First step of a run: ask the log which windows have rows with `ingestion_time()` in this span. */
export function arrivalsToRead(state: AuditState, nowMs: number): { fromMs: number; toMs: number } {
  const fromMs = state.arrivalsToMs - arrivalOverlapMs;
  return { fromMs, toMs: Math.max(fromMs, nowMs) };
}

/**
 * Second step: the windows that must be looked at again, in order, from the answer and the last looks at those windows.
 * A row bears on the windows beside its own too (`vaultContext`).
 */
export function windowsToRevisit(state: AuditState, arrivals: readonly WindowCount[], looks: Looks): number[] {
  const starts = new Set<number>();
  for (const { fromMs, rows } of arrivals) {
    const look = looks.get(fromMs);
    const isChanged = look ? look.rows !== rows : fromMs < state.watermarkMs;
    if (isChanged) for (const each of [fromMs - windowMs, fromMs, fromMs + windowMs]) starts.add(each);
  }
  return [...starts].sort((a, b) => a - b);
}

/** Moves the watermark over the windows whose planned looks are done. */
export function advanceWatermark(state: AuditState, looks: Looks, nowMs: number): AuditState {
  let { watermarkMs } = state;
  while (nowMs >= watermarkMs + windowMs + finalAgeMs) {
    const look = looks.get(watermarkMs);
    if (!look || isDue(look, nowMs)) break;
    watermarkMs += windowMs;
  }
  return { ...state, watermarkMs };
}

/**
 * Third step. Oldest first, so that a window has the carry of the one before; nothing where the clock was set back
 * behind the watermark. `looks` are those from the watermark on.
 */
export function planWindows(
  state: AuditState,
  revisits: readonly number[],
  looks: Looks,
  nowMs: number,
): AuditWindow[] {
  const settledMs = startOfWindow(nowMs - settleMs);
  const starts = new Set(revisits.filter((fromMs) => fromMs < settledMs).slice(0, windowsPerRun / 2));
  const isWanted = (fromMs: number) => {
    const look = looks.get(fromMs);
    return !look || isDue(look, nowMs);
  };
  for (let fromMs = state.watermarkMs; fromMs < settledMs && starts.size < windowsPerRun; fromMs += windowMs) {
    if (isWanted(fromMs)) starts.add(fromMs);
  }
  return [...starts].sort((a, b) => a - b).map((fromMs) => ({ fromMs, toMs: fromMs + windowMs }));
}

/** Whether a planned look is due that has not been done. */
function isDue({ fromMs, lookedMs, isPending }: WindowLook, nowMs: number): boolean {
  const age = (timeMs: number) => lookAgesMs.filter((ageMs) => timeMs >= fromMs + windowMs + ageMs).length;
  return age(nowMs) > age(lookedMs) && (isPending || age(lookedMs) === 0);
}

function startOfWindow(timeMs: number): number {
  return Math.floor(timeMs / windowMs) * windowMs;
}
