import { bandOf } from "./baseline.ts";
import type { SignAuditPorts } from "./ports.ts";
import type { JudgedWindow } from "./sign-rate.ts";
import { judge, opensEpisode } from "./sign-rate-verdict.ts";
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
    const { low, high, median, basis } = judged.band;
    const rate = { keyName, windowFromMs: fromMs, signs, verdict: judged.verdict, low, high, median, basis };
    record({ event: "sign_rate_judged", ...rate });
    if (opensEpisode(judged, known)) record({ event: "sign_rate_abnormal", ...rate });
    await store.putWindow(keyName, judged);
  }
}
