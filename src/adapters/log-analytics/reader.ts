import type { TokenCredential } from "@azure/identity";
import type { LogsQueryResult, LogsTable } from "@azure/monitor-query-logs";
import { type VaultLogReader, VaultLogUnavailable } from "../../domain/audit/ports.ts";
import type { Refusals, WindowCount } from "../../domain/audit/vault-log.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { type Attempt, createLogsClient, vaultLogUnavailable } from "./client.ts";
import {
  parameterize,
  vaultArrivalsQuery,
  vaultNowQuery,
  vaultOperationsQuery,
  vaultRefusalsQuery,
} from "./queries.ts";
import { readNow, readRefusals, readVaultLogRows, readWindowCounts } from "./row.ts";

export interface VaultLogReaderOptions {
  cloud: Cloud;
  /** The workspace's own GUID ("Workspace ID"), not its resource id. */
  workspaceId: string;
  /** Read only this vault's rows. Absent: rows of every vault that logs to the workspace. */
  vaultResourceId?: string;
  /** Object id of the identity whose other operations are read too. Signatures are read for all identities. */
  signingObjectId: string;
  credential: TokenCredential;
  /** For one query including its retries, milliseconds. */
  deadlineMs?: number;
  /** With this many rows the result counts as incomplete. */
  maxRows?: number;
}

/** Far below the service's limits of records and bytes (64 MB), and small enough for memory. */
const defaultMaxRows = 5_000;
const defaultDeadlineMs = 20_000;
/** After this many slow queries in a row, each for half the time range of the one before, the log counts as down. */
const slowQueries = 4;
const dayMs = 86_400_000;
/** A row is found if it was ingested at most this long after it was generated. */
const longestDelayMs = 90 * dayMs;

/**
 * Reads the vault's audit log out of Azure Monitor Logs. An answer that is partial, full or too slow is discarded, and
 * its time range is queried again in halves. So the result is complete, or there is none.
 */
export function createVaultLogReader(options: VaultLogReaderOptions): VaultLogReader {
  const { cloud, workspaceId, vaultResourceId = "", signingObjectId, credential } = options;
  const { deadlineMs = defaultDeadlineMs, maxRows = defaultMaxRows } = options;
  if (!/^[\w./()-]*$/.test(vaultResourceId)) throw new RangeError("vaultResourceId is not an Azure resource id");
  if (!/^[\w-]*$/.test(signingObjectId)) throw new RangeError("signingObjectId is not a GUID");

  /** Passes each part of the answer to `take` as it arrives, so that only one is held. */
  async function readTables(
    text: string,
    range: Range,
    take: (table: LogsTable) => void,
    timespanOf = (part: Range) => part,
  ): Promise<void> {
    const query: Query = async (part) => {
      const { fromMs, toMs } = timespanOf(part);
      const timespan = { startTime: new Date(fromMs), endTime: new Date(toMs) };
      const attempt: Attempt = { signal: AbortSignal.timeout(deadlineMs) };
      const client = createLogsClient(cloud, credential, attempt);
      const parameters = { ...part, vaultResourceId, signingObjectId, maxRows };
      try {
        return await client.queryWorkspace(workspaceId, parameterize(text, parameters), timespan);
      } catch (error) {
        throw vaultLogUnavailable(error, attempt);
      }
    };
    await readWhole(query, range, { maxRows, take, slow: 0 });
  }

  return {
    async now() {
      const nowMs: number[] = [];
      // The query reads no table, so any range works.
      await readTables(vaultNowQuery, { fromMs: 0, toMs: 1 }, (table) => nowMs.push(readNow(table)));
      return nowMs[0] ?? Number.NaN;
    },
    async read(fromMs, toMs) {
      const readRows = readVaultLogRows();
      const parts: ReturnType<typeof readRows>[] = [];
      await readTables(vaultOperationsQuery, { fromMs, toMs }, (table) => parts.push(readRows(table)));
      return parts.flat();
    },
    async refusals(fromMs, toMs) {
      const groups = new Map<string, Refusals>();
      await readTables(vaultRefusalsQuery, { fromMs, toMs }, (table) => {
        for (const group of readRefusals(table)) {
          const name = JSON.stringify([group.callerObjectId ?? null, group.operation, group.httpStatus]);
          groups.set(name, merge(groups.get(name), group));
        }
      });
      return [...groups.values()];
    },
    async arrivals(fromMs, toMs) {
      const windows = new Map<number, WindowCount>();
      // The timespan bounds TimeGenerated; the query bounds the time of ingestion.
      const generated = (part: Range) => ({ fromMs: part.fromMs - longestDelayMs, toMs: part.toMs + dayMs });
      const take = (table: LogsTable) => {
        for (const window of readWindowCounts(table)) windows.set(window.fromMs, window);
      };
      await readTables(vaultArrivalsQuery, { fromMs, toMs }, take, generated);
      return [...windows.values()].sort((a, b) => a.fromMs - b.fromMs);
    },
  };
}

/** Merges the results of two halves of a time range. */
function merge(earlier: Refusals | undefined, later: Refusals): Refusals {
  if (!earlier) return later;
  return { ...earlier, count: earlier.count + later.count, lastMs: Math.max(earlier.lastMs, later.lastMs) };
}

interface Range {
  fromMs: number;
  toMs: number;
}

type Query = (range: Range) => Promise<LogsQueryResult>;

interface Reading {
  maxRows: number;
  take: (table: LogsTable) => void;
  /** Number of slow queries since the last one that was fast enough. */
  slow: number;
}

/**
 * Reads part by part. A part that fails is halved until it succeeds; after three small results the length is doubled.
 * So the right length is not searched for again in each half.
 */
async function readWhole(query: Query, { fromMs, toMs }: Range, reading: Reading): Promise<void> {
  let [partMs, withRoom] = [toMs - fromMs, 0];
  for (let startMs = fromMs; startMs < toMs; ) {
    const endMs = Math.min(startMs + partMs, toMs);
    const table = await wholeAnswer(query, { fromMs: startMs, toMs: endMs }, reading);
    if (table) {
      reading.take(table);
      startMs = endMs;
      withRoom = table.rows.length < reading.maxRows / 3 ? withRoom + 1 : 0;
      if (withRoom % 3 === 0 && withRoom > 0) partMs *= 2;
    } else {
      withRoom = 0;
      if (endMs - startMs <= 1) throw new VaultLogUnavailable("incomplete");
      partMs = Math.floor((endMs - startMs) / 2);
    }
  }
}

/** Undefined if the answer is incomplete, or if it took too long and a shorter range may help. */
async function wholeAnswer(query: Query, range: Range, reading: Reading): Promise<LogsTable | undefined> {
  try {
    const result = await query(range);
    reading.slow = 0;
    if (result.status !== "Success") return undefined;
    const [table] = result.tables;
    if (!table) throw new VaultLogUnavailable("unexpected");
    return table.rows.length < reading.maxRows ? table : undefined;
  } catch (error) {
    const isSlow =
      error instanceof VaultLogUnavailable && (error.trouble === "timed_out" || error.detail.httpStatus === 504);
    reading.slow += 1;
    if (!isSlow || reading.slow >= slowQueries || range.toMs - range.fromMs <= 1) throw error;
    return undefined;
  }
}
