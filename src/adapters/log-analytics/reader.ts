import type { TokenCredential } from "@azure/identity";
import type { LogsTable } from "@azure/monitor-query-logs";
import type { VaultLogReader } from "../../domain/audit/ports.ts";
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
import { type Query, type Range, readWhole } from "./whole-range.ts";

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
    await readWhole(query, range, maxRows, take);
  }

  return {
    async now() {
      let nowMs = Number.NaN;
      const take = (table: LogsTable) => {
        nowMs = readNow(table);
      };
      // It reads no table: any range will do.
      await readTables(vaultNowQuery, { fromMs: 0, toMs: 1 }, take);
      return nowMs;
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
          const name = JSON.stringify([group.callerObjectId, group.operation, group.httpStatus]);
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
      return [...windows.values()];
    },
  };
}

/** Merges the results of two halves of a time range. */
function merge(earlier: Refusals | undefined, later: Refusals): Refusals {
  if (!earlier) return later;
  return { ...earlier, count: earlier.count + later.count, lastMs: Math.max(earlier.lastMs, later.lastMs) };
}
