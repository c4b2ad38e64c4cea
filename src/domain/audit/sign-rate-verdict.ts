import {
  type Band,
  highestUsual,
  type JudgedWindow,
  quietPart,
  type SignHistory,
  type SignRateVerdict,
  type SignWindow,
  type Span,
  settleMs,
  spans,
  windowMs,
} from "./sign-rate.ts";

/**
 * Whether a key signs more or less than usual. Above: a burst, or a theft in bulk. Below: Keyhold is down, or its log
 * is cut. It cannot see a theft within the noise; reconciliation finds single signatures.
 * | The constants are measured by bench/baseline.ts on synthetic years.
 */
/** How many missed signatures chance does not explain: where 10 are expected, none come once in 22 000 times. */
const missedSigns = 10;

/** One quiet window may be a deployment or a late log. */
const leastQuietWindows = 2;

/** The two hours before a quiet run show the level of this day, which is low on a holiday. */
const levelWindows = 24;

/** A day and two hours without a signature: for keys that sign once a day, with room for a late batch. */
const silentWindows = 312;

/** An episode is over when this many windows in a row were usual: one alarm, not one each time the rate crosses. */
const calmWindows = 12;

/** `band` is `bandOf(window.startMs, history)`. Older windows must be in `history` already. */
export function judge(window: SignWindow, band: Band, history: SignHistory): JudgedWindow {
  return { startMs: window.startMs, signs: window.signs, verdict: verdictOf({ ...window, band }, history), band };
}

/** Whether an alarm is due: the first window of an episode. Its further windows belong to the same alarm. */
export function opensEpisode(window: JudgedWindow, history: SignHistory): boolean {
  if (window.verdict !== "above" && window.verdict !== "below") return false;
  for (let i = 1; i <= calmWindows; i++) {
    if (history.get(window.startMs - i * windowMs)?.verdict === window.verdict) return false;
  }
  return true;
}

/** The newest window of an episode that is still open; undefined where the rate is usual. */
export function abnormalWindow(nowMs: number, history: SignHistory): JudgedWindow | undefined {
  const newestMs = Math.floor((nowMs - settleMs) / windowMs) * windowMs - windowMs;
  for (let i = 0; i < calmWindows; i++) {
    const window = history.get(newestMs - i * windowMs);
    if (window?.verdict === "above" || window?.verdict === "below") return window;
  }
  return undefined;
}

type BandedWindow = Omit<JudgedWindow, "verdict">;

function verdictOf(window: BandedWindow, history: SignHistory): SignRateVerdict {
  if (window.band.basis === "cold-start") return window.signs > window.band.high ? "above" : "not-judged";
  if (spans.some((span) => isAbove(window, span, history))) return "above";
  return isBelow(window, history) || isSilent(window, history) ? "below" : "normal";
}

/** More in the last `span` windows than usual. A window within the band is not above, whatever came before it. */
function isAbove(window: BandedWindow, span: Span, history: SignHistory): boolean {
  if (window.signs <= window.band.busiest) return false;
  let [signs, expected, spread] = [0, 0, 0];
  for (let i = 0; i < span; i++) {
    const each = i === 0 ? window : history.get(window.startMs - i * windowMs);
    if (each?.band.basis !== "history") return false;
    signs += each.signs;
    expected += each.band.busiest;
    spread += each.band.spread;
  }
  return signs > highestUsual(span, expected, spread);
}

/**
 * A run of quiet windows that is unlikely both for this hour of the week and at the level of the two hours before the
 * run. The second condition keeps holidays from raising alarms; in return, an outage at night is noticed later. Once
 * below, the key stays below until a window is not quiet.
 */
function isBelow(window: BandedWindow, history: SignHistory): boolean {
  if (!isQuiet(window)) return false;
  // Adds nothing to what the run has missed.
  if (window.band.quietest === 0) return history.get(window.startMs - windowMs)?.verdict === "below";
  const run: BandedWindow[] = [window];
  for (let i = 1; i < silentWindows; i++) {
    const each = history.get(window.startMs - i * windowMs);
    if (each?.band.basis !== "history" || !isQuiet(each)) break;
    if (each.verdict === "below") return true;
    run.push(each);
  }
  if (run.length < leastQuietWindows) return false;
  const level = levelBefore(window.startMs - (run.length - 1) * windowMs, history);
  const missed = run.reduce((sum, each) => sum + Math.min(each.band.quietest, level), 0);
  const signs = run.reduce((sum, each) => sum + each.signs, 0);
  return missed >= missedSigns && signs <= quietPart * missed;
}

function isQuiet(window: BandedWindow): boolean {
  return window.signs <= window.band.low;
}

/** Signatures per window in the two hours before, 0 where they are not all known. */
function levelBefore(startMs: number, history: SignHistory): number {
  let signs = 0;
  for (let i = 1; i <= levelWindows; i++) {
    const each = history.get(startMs - i * windowMs);
    if (!each) return 0;
    signs += each.signs;
  }
  return (signs - Math.sqrt(signs)) / levelWindows;
}

/** No signature for more than a day, where the week's medians expect enough. */
function isSilent(window: BandedWindow, history: SignHistory): boolean {
  if (window.signs > 0) return false;
  let missed = window.band.median;
  for (let i = 1; i < silentWindows; i++) {
    const each = history.get(window.startMs - i * windowMs);
    if (each?.band.basis !== "history" || each.signs > 0) return false;
    missed += each.band.median;
  }
  return missed >= missedSigns;
}
