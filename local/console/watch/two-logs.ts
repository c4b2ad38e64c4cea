/** The ends of both logs, cut so that they overlap: what is left out of one must not look missing beside the other. */
import type { AuditEvent } from "../../emulators/key-vault/audit-log.ts";
import type { Stack } from "../../stack/stack.ts";
import type { LedgerEntity } from "./signatures.ts";

const keptEvents = 120;
/** More rows than this in the same time are not read: no person makes so many by hand. */
const maxRows = 5_000;
/** An intent is at most so much older than its signature. */
const coverMs = 150_000;

/** The vault's log as those see it who query it: without what was cut, and without mere challenges. */
export function recentLog(stack: Stack): AuditEvent[] {
  const cut = new Set(stack.monitor.log.cut.map(({ correlationId }) => correlationId));
  const kept: AuditEvent[] = [];
  for (let i = stack.keyVault.audit.length - 1; i >= 0 && kept.length < keptEvents; i--) {
    const event = stack.keyVault.audit[i];
    if (event && event.OperationName !== "Authentication" && !cut.has(event.CorrelationId)) kept.unshift(event);
  }
  return kept;
}

/** From the time of the oldest row of the log; without any, of the last hour. */
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

/** Outcomes are written after the answers: such a row is looked at again. */
export function hasOpen(ledger: readonly LedgerEntity[]): boolean {
  return ledger.some(({ outcome }) => outcome === undefined);
}
