import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "../../local/stack/stack.ts";

/** Compares the vault's own log with the ledger, row by row. */
export interface LedgerComparison {
  /** Successful signatures in the vault's log. */
  signatures: number;
  rows: number;
  outcomes: Record<string, number>;
  /** Signatures whose row does not have their request id, for example because the answer was cut off. */
  maybeSigned: number;
  /** Signatures without a ledger row, as an attacker with the signing identity would leave. */
  unaccounted: string[];
  /** Rows that claim a signature that is not in the vault's log. */
  invented: string[];
  /** Rows without an outcome. */
  open: number;
}

/** Waits until no row is open, for at most `withinMs`. */
export async function compareLedger(stack: Stack, withinMs: number): Promise<LedgerComparison> {
  const endMs = performance.now() + withinMs;
  let rows = await stack.storage.ledgerRows();
  while (rows.some(({ outcome }) => outcome === undefined) && performance.now() < endMs) {
    await sleep(500);
    rows = await stack.storage.ledgerRows();
  }
  const signed = new Set(
    stack.keyVault.audit
      .filter(({ OperationName, HttpStatusCode }) => OperationName === "KeySign" && HttpStatusCode === 200)
      .map(({ CorrelationId }) => CorrelationId),
  );
  const claimed = new Map(rows.map((row) => [String(row.vaultRequestId ?? row.rowKey), String(row.outcome)]));
  const outcomes: Record<string, number> = {};
  for (const outcome of claimed.values()) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const unmatched = [...signed].filter((id) => !claimed.has(id));
  const maybeSigned = rows.filter((row) => row.outcome === "maybe_signed" && row.vaultRequestId === undefined).length;
  const open = rows.filter(({ outcome }) => outcome === undefined).length;
  const withSignature = new Set(["issued", "handed_out", "published", "rejected", "exchange_failed"]);
  return {
    signatures: signed.size,
    rows: rows.length,
    outcomes,
    maybeSigned,
    // A signature whose answer was cut off, or whose outcome is not written, does have a row, but without its request
    // id.
    unaccounted: unmatched.slice(maybeSigned + open),
    invented: [...claimed].filter(([id, outcome]) => withSignature.has(outcome) && !signed.has(id)).map(([id]) => id),
    open,
  };
}
