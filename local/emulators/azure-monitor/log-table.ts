/**
 * The table AZKVAuditLogs as a reader sees it at a given time: rows arrive late, some much later, some twice, in no
 * order, and after tampering some are missing. A hash of the CorrelationId selects the affected rows, so that two
 * queries agree.
 */
import { createHash } from "node:crypto";
import type { AuditEvent } from "../key-vault/audit-log.ts";

export interface LogSettings {
  /**
   * How far the log's clock is ahead of the machine's, in milliseconds. The audit uses no clock that is ahead of the
   * log's.
   */
  aheadMs: number;
  /** The delay between a row's TimeGenerated and when it can be queried, in milliseconds. */
  ingestionLagMs: number;
  /** Share of rows, 0 to 1, that arrive `lateMs` later than the others. */
  lateShare: number;
  lateMs: number;
  /** Share of rows, 0 to 1, that appear twice. */
  duplicateShare: number;
  /** The rows of an answer are in no order, as from a query that does not sort. */
  reorder: boolean;
  /** An answer with more rows than this is truncated and marked as partial. */
  rowLimit: number;
  /** Rows that match any of these are missing. */
  cut: RowMatch[];
}

/** A row must match every member that is present. An empty object matches every row. */
export interface RowMatch {
  correlationId?: string;
  operation?: string;
  objectId?: string;
  /** ISO 8601. `startTime` is inclusive, `endTime` exclusive. */
  startTime?: string;
  endTime?: string;
}

export const usualLogSettings: LogSettings = {
  aheadMs: 0,
  ingestionLagMs: 0,
  lateShare: 0,
  lateMs: 0,
  duplicateShare: 0,
  reorder: false,
  rowLimit: 500_000,
  cut: [],
};

export interface LoggedRow {
  event: AuditEvent;
  /** `ingestion_time()`: the row can be queried from then on. */
  ingestedMs: number;
}

/** The rows that a query at `nowMs` sees. */
export function visibleRows(audit: readonly AuditEvent[], settings: LogSettings, nowMs: number): LoggedRow[] {
  return audit
    .filter((event) => !settings.cut.some((match) => matches(event, match)))
    .map((event) => ({ event, ingestedMs: ingestedAt(event, settings) }))
    .filter(({ ingestedMs }) => nowMs >= ingestedMs)
    .flatMap((row) => (isStruck(row.event, "duplicate", settings.duplicateShare) ? [row, row] : [row]));
}

/** Orders by a hash, so that the same rows always come in the same wrong order. */
export function shuffle<T>(rows: readonly T[]): T[] {
  return rows
    .map((row, place) => ({ row, rank: shareOf(JSON.stringify(row), `order ${place}`) }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ row }) => row);
}

function ingestedAt(event: AuditEvent, settings: LogSettings): number {
  const lateMs = isStruck(event, "late", settings.lateShare) ? settings.lateMs : 0;
  return Date.parse(event.TimeGenerated) + settings.ingestionLagMs + lateMs;
}

function matches(event: AuditEvent, match: RowMatch): boolean {
  const timeMs = Date.parse(event.TimeGenerated);
  return (
    (match.correlationId === undefined || match.correlationId === event.CorrelationId) &&
    (match.operation === undefined || match.operation === event.OperationName) &&
    (match.objectId === undefined || match.objectId === event.Identity.claim.oid) &&
    (match.startTime === undefined || timeMs >= Date.parse(match.startTime)) &&
    (match.endTime === undefined || timeMs < Date.parse(match.endTime))
  );
}

function isStruck(event: AuditEvent, purpose: string, share: number): boolean {
  return share > 0 && shareOf(event.CorrelationId, purpose) < share;
}

/** Evenly distributed from 0 (inclusive) to 1 (exclusive). */
function shareOf(text: string, purpose: string): number {
  return createHash("sha256").update(`${purpose}\n${text}`).digest().readUInt32BE() / 2 ** 32;
}
