import type { LogsQueryResult, LogsTable } from "@azure/monitor-query-logs";
import { VaultLogUnavailable } from "../../domain/audit/ports.ts";

/** Milliseconds since 1970, the end excluded. */
export interface Range {
  fromMs: number;
  toMs: number;
}

export type Query = (range: Range) => Promise<LogsQueryResult>;

/** Queries in a row that may be too slow, each for half the time of the one before, until the log counts as down. */
const slowQueries = 4;
/** Small results in a row after which longer parts are tried. */
const smallResults = 3;

/**
 * Reads part by part, each whole. A part that fails is halved until it succeeds; after three small results the length is
 * doubled. So the right length need not be found again for each half.
 */
export async function readWhole(
  query: Query,
  { fromMs, toMs }: Range,
  maxRows: number,
  take: (table: LogsTable) => void,
): Promise<void> {
  const wholeAnswer = createWholeAnswer(query, maxRows);
  let [partMs, small] = [Number.POSITIVE_INFINITY, 0];
  for (let startMs = fromMs; startMs < toMs; ) {
    const endMs = Math.min(startMs + partMs, toMs);
    const table = await wholeAnswer({ fromMs: startMs, toMs: endMs });
    if (table) {
      take(table);
      startMs = endMs;
      small = table.rows.length < maxRows / 3 ? small + 1 : 0;
      if (small === smallResults) [partMs, small] = [partMs * 2, 0];
    } else {
      if (endMs - startMs <= 1) throw new VaultLogUnavailable("incomplete");
      [partMs, small] = [Math.floor((endMs - startMs) / 2), 0];
    }
  }
}

/** Undefined for an answer that is not whole, and for one that took too long, as far as that may be the range's fault. */
function createWholeAnswer(query: Query, maxRows: number): (range: Range) => Promise<LogsTable | undefined> {
  /** Queries since the last that was answered in time. */
  let slow = 0;
  return async (range) => {
    try {
      const result = await query(range);
      slow = 0;
      if (result.status !== "Success") return undefined;
      const [table] = result.tables;
      if (!table) throw new VaultLogUnavailable("unexpected");
      return table.rows.length < maxRows ? table : undefined;
    } catch (error) {
      const isSlow =
        error instanceof VaultLogUnavailable && (error.trouble === "timed_out" || error.detail.httpStatus === 504);
      slow += 1;
      if (!isSlow || slow >= slowQueries || range.toMs - range.fromMs <= 1) throw error;
      return undefined;
    }
  };
}
