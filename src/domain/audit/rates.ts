import { bandOf } from "./baseline.ts";
import { identityOf } from "./findings.ts";
import type { SignAuditPorts } from "./ports.ts";
import { isSignature } from "./rows.ts";
import type { JudgedWindow } from "./sign-rate.ts";
import { judge, opensEpisode } from "./sign-rate-verdict.ts";
import type { VaultLogRow } from "./vault-log.ts";
import type { AuditWindow } from "./windows.ts";

/** Evaluated windows by key name and start. */
export type RateHistory = Map<string, Map<number, JudgedWindow>>;

/**
 * Counts what the vault signed with each key, whoever asked, and compares it with what is usual. Counted are rows, each once however often
 * the log repeats it, and not request ids: those may be the caller's choice.
 */
export async function judgeRates(
  { fromMs, toMs }: AuditWindow,
  vaultRows: readonly VaultLogRow[],
  history: RateHistory,
  keyNames: readonly string[],
  { record, store }: Pick<SignAuditPorts, "record" | "store">,
): Promise<void> {
  const signed = vaultRows.filter((row) => isSignature(row) && row.timeMs >= fromMs && row.timeMs < toMs);
  for (const keyName of keyNames) {
    const ofKey = signed.filter((row) => row.keyName === keyName.toLowerCase());
    const signs = new Set(ofKey.map(identityOf)).size;
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
