/**
 * The most recent parts of both logs, cut so that they overlap: a row left out of one must not look missing in the
 * other.
 */
import type { AuditEvent } from "../../emulators/key-vault/audit-log.ts";
import type { Stack } from "../../stack/stack.ts";
import type { LedgerEntity } from "./signatures.ts";

const keptEvents = 120;
/** The maximum number of rows that are read. Nobody creates more by hand in this time. */
const maxRows = 5_000;
/** The maximum age of an intent at the time of its signature. */
const coverMs = 150_000;

/** The vault's log as a reader sees it: without the rows that were cut, and without challenges. */
export function recentLog(stack: Stack): AuditEvent[] {
  const cut = new Set(stack.monitor.log.cut.map(({ correlationId }) => correlationId));
  const kept: AuditEvent[] = [];
  for (let i = stack.keyVault.audit.length - 1; i >= 0 && kept.length < keptEvents; i--) {
    const event = stack.keyVault.audit[i];
    if (event && event.OperationName !== "Authentication" && !cut.has(event.CorrelationId)) kept.unshift(event);
  }
  return kept;
}

/** Rows from the time of the log's oldest row on. If the log is empty, those of the last hour. */
export async function recentLedger(
  stack: Stack,
  log: readonly AuditEvent[],
  nowMs: number,
  abortSignal: AbortSignal,
): Promise<LedgerEntity[]> {
  const oldestMs = log[0] ? Date.parse(log[0].TimeGenerated) : nowMs - 3_600_000;
  const from = new Date(oldestMs - coverMs).toISOString();
  const queryOptions = { filter: `PartitionKey ge '${from.slice(0, 13)}' and time ge datetime'${from}'` };
  const rows: LedgerEntity[] = [];
  for await (const row of stack.storage.ledger.listEntities({ queryOptions, abortSignal })) {
    rows.push(row);
    if (rows.length >= maxRows) break;
  }
  return rows;
}

/** Outcomes are written after the answers, so an open row is read again. */
export function hasOpen(ledger: readonly LedgerEntity[]): boolean {
  return ledger.some(({ outcome }) => outcome === undefined);
}
