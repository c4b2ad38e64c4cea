import type { Guid } from "../shared/guid.ts";
import type { Result } from "../shared/result.ts";
import type { LedgerEntry, SignOutcome, SignPurpose } from "../signing/ledger.ts";
import { timeOfLedgerId } from "../signing/ledger-id.ts";

/** Who got what, and when. A row must match every given member. */
export interface LedgerQuery {
  /** Milliseconds since 1970: `fromMs` <= time of the intent < `toMs`. */
  fromMs: number;
  toMs: number;
  id?: Guid;
  callerObjectId?: Guid;
  tenantId?: Guid;
  clientId?: Guid;
  purpose?: SignPurpose;
  /** `open`: no outcome is known. */
  outcome?: SignOutcome["outcome"] | "open";
  /** Default: oldest first. */
  newestFirst?: boolean;
  /** The most entries to return, not counting rows that cannot be read. */
  limit?: number;
}

/**
 * A row that is not as Keyhold writes it: a bug, or somebody else wrote it. It is reported, since skipping it would
 * hide it. Holds names of properties, never values: whoever writes rows (T15) must not control an operator's terminal.
 */
export interface UnreadableRow {
  reason: "row_unreadable";
  partition: string;
  rowKey: string;
  properties: readonly string[];
}

/** Reads the ledger for the command line. */
export interface LedgerSearch {
  /**
   * In order of time, page by page as they are consumed, so that memory stays bounded for any range. Throws
   * `ledger_unavailable`, also in the middle.
   */
  find(query: LedgerQuery): AsyncIterable<Result<LedgerEntry, UnreadableRow>>;
}

/** The row with this id. The id holds the time, and customers see it in Entra's sign-in log. */
export function queryOfId(id: Guid): LedgerQuery {
  const fromMs = timeOfLedgerId(id);
  return { fromMs, toMs: fromMs + 1, id };
}

const exactFields = ["id", "callerObjectId", "tenantId", "clientId", "purpose"] as const;

/** Whether an entry matches the query. This check alone decides: filters of storage only reduce what is read. */
export function matchesQuery(query: LedgerQuery, { intent, outcome }: LedgerEntry): boolean {
  const isInTime = intent.timeMs >= query.fromMs && intent.timeMs < query.toMs;
  const isExact = exactFields.every((name) => query[name] === undefined || query[name] === intent[name]);
  const isOutcome = query.outcome === undefined || query.outcome === (outcome?.outcome ?? "open");
  return isInTime && isExact && isOutcome;
}

export const hourMs = 3_600_000;

/** The part of a query's time that covers whole hours of UTC, as the ledger is stored. Empty if `toMs` <= `fromMs`. */
export function hoursOf({ fromMs, toMs }: Pick<LedgerQuery, "fromMs" | "toMs">): { fromMs: number; toMs: number } {
  if (!Number.isSafeInteger(fromMs) || !Number.isSafeInteger(toMs) || fromMs < 0 || toMs > maxTimeMs) {
    throw new RangeError("fromMs and toMs must be whole milliseconds since 1970, up to the year 9999");
  }
  return { fromMs: Math.floor(fromMs / hourMs) * hourMs, toMs: Math.ceil(toMs / hourMs) * hourMs };
}

/** Later years have more than four digits, so times as text would no longer sort. */
const maxTimeMs = Date.UTC(9999, 11, 31);
