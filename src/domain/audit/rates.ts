import { bandOf } from "./baseline.ts";
import type { SignAuditPorts } from "./ports.ts";
import type { JudgedWindow } from "./sign-rate.ts";
import { abnormalWindow, judge, opensEpisode } from "./sign-rate-verdict.ts";
import type { AuditWindow } from "./windows.ts";

/** Evaluated windows by key name and start. */
export type RateHistory = Map<string, Map<number, JudgedWindow>>;

/**
 * Compares what the vault signed with each key, whoever asked, with what is usual. `signsOf` counts rows, each once
 * however often the log repeats it, and not request ids: those may be the caller's choice.
 */
export async function judgeRates(
  { fromMs }: AuditWindow,
  signsOf: ReadonlyMap<string, number>,
  history: RateHistory,
  keyNames: readonly string[],
  reported: Set<string>,
  { record, store }: Pick<SignAuditPorts, "record" | "store">,
): Promise<void> {
  for (const keyName of keyNames) {
    const signs = signsOf.get(keyName.toLowerCase()) ?? 0;
    const known = history.get(keyName) ?? new Map<number, JudgedWindow>();
    history.set(keyName, known);
    const before = known.get(fromMs);
    const judged = judge({ startMs: fromMs, signs }, bandOf(fromMs, known), known);
    if (before?.signs === judged.signs && before.verdict === judged.verdict) continue;
    known.set(fromMs, judged);
    record({ event: "sign_rate_judged", ...rateFacts(keyName, judged) });
    if (opensEpisode(judged, known)) reportAbnormal(keyName, judged, { record, reported });
    await store.putWindow(keyName, judged);
  }
}

/** Reported in every run, for each key with an unusual rate, so that the alarm lasts as long as the episode. */
export function reportAbnormalRates(
  nowMs: number,
  history: RateHistory,
  reported: Set<string>,
  { record }: Pick<SignAuditPorts, "record">,
): void {
  for (const [keyName, windows] of history) {
    const window = abnormalWindow(nowMs, windows);
    if (window) reportAbnormal(keyName, window, { record, reported });
  }
}

/** Once in a run for each key: `reported` has the keys that it has reported. */
function reportAbnormal(
  keyName: string,
  window: JudgedWindow,
  { record, reported }: { record: SignAuditPorts["record"]; reported: Set<string> },
): void {
  const name = `rate of ${keyName}`;
  if (!reported.has(name)) record({ event: "sign_rate_abnormal", ...rateFacts(keyName, window) });
  reported.add(name);
}

function rateFacts(keyName: string, { startMs, signs, verdict, band }: JudgedWindow) {
  const { low, high, median, basis } = band;
  return { keyName, windowFromMs: startMs, signs, verdict, low, high, median, basis };
}
