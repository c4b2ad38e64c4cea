import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";

const monthMs = 30 * 86_400_000;

/** Whether the vault has signed for Keyhold before that: tells a new deployment from one whose timers are dead. */
export async function hasSignedBefore(ledger: LedgerSearch, beforeMs: number, withinMs = monthMs): Promise<boolean> {
  for await (const found of ledger.find({ fromMs: beforeMs - withinMs, toMs: beforeMs })) {
    if (found.ok && found.value.outcome && "vaultRequestId" in found.value.outcome) return true;
  }
  return false;
}
