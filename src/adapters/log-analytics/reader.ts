import type { TokenCredential } from "@azure/identity";
import type { LogsQueryResult, LogsTable } from "@azure/monitor-query-logs";
import { type VaultLogReader, VaultLogUnavailable } from "../../domain/audit/ports.ts";

import type { Cloud } from "../../domain/shared/cloud.ts";
import { type Attempt, createLogsClient, vaultLogUnavailable } from "./client.ts";
import { parameterize, vaultArrivalsQuery, vaultOperationsQuery } from "./queries.ts";
import { readRowTimes, readVaultLogRows } from "./row.ts";

export interface VaultLogReaderOptions {
  cloud: Cloud;
  /** The workspace's own GUID ("Workspace ID"), not its resource id. */
  workspaceId: string;
  /** Only this vault's rows. Absent: those of every vault that logs to the workspace. */
  vaultResourceId?: string;
  credential: TokenCredential;
  /** For a whole read, however many queries it takes. */
  deadlineMs?: number;
  /** As many rows as this count as "there may be more". */
  maxRows?: number;
}

/** Far below the service's limits of records and bytes (64 MB): a row of ours is well under 2 KB. */
const defaultMaxRows = 30_000;
const defaultDeadlineMs = 120_000;
const dayMs = 86_400_000;
/** How much later than generated a row may be taken in and still be noticed. */
const longestDelayMs = 90 * dayMs;

/**
 * Reads the vault's audit log out of Azure Monitor Logs. An answer that is partial or full is thrown away and its
 * range asked for in two halves, so what is returned is whole or nothing is.
 */
export function createVaultLogReader(options: VaultLogReaderOptions): VaultLogReader {
  const { cloud, workspaceId, vaultResourceId = "", credential } = options;
  const { deadlineMs = defaultDeadlineMs, maxRows = defaultMaxRows } = options;
  if (!/^[\w./()-]*$/.test(vaultResourceId)) throw new RangeError("vaultResourceId is not an Azure resource id");

  async function readTables(text: string, range: Range, timespanOf: (range: Range) => Range): Promise<LogsTable[]> {
    const attempt: Attempt = { signal: AbortSignal.timeout(deadlineMs) };
    const client = createLogsClient(cloud, credential, attempt);
    const query: Query = (part) => {
      const { fromMs, toMs } = timespanOf(part);
      const timespan = { startTime: new Date(fromMs), endTime: new Date(toMs) };
      return client.queryWorkspace(workspaceId, parameterize(text, { ...part, vaultResourceId, maxRows }), timespan);
    };
    try {
      return await readWhole(query, range, maxRows);
    } catch (error) {
      throw vaultLogUnavailable(error, attempt);
    }
  }

  return {
    async read(fromMs, toMs) {
      const tables = await readTables(vaultOperationsQuery, { fromMs, toMs }, (range) => range);
      return tables.flatMap(readVaultLogRows);
    },
    /** To the second. The timespan bounds TimeGenerated, the query the time of ingestion. */
    async arrivals(fromMs, toMs) {
      const tables = await readTables(vaultArrivalsQuery, { fromMs, toMs }, (range) => {
        return { fromMs: range.fromMs - longestDelayMs, toMs: range.toMs + dayMs };
      });
      return tables.flatMap(readRowTimes);
    },
  };
}

interface Range {
  fromMs: number;
  toMs: number;
}

type Query = (range: Range) => Promise<LogsQueryResult>;

async function readWhole(query: Query, { fromMs, toMs }: Range, maxRows: number): Promise<LogsTable[]> {
  if (toMs <= fromMs) return [];
  const result = await query({ fromMs, toMs });
  if (result.status === "Success") {
    const [table] = result.tables;
    if (!table) throw new VaultLogUnavailable("unexpected");
    if (table.rows.length < maxRows) return [table];
  }
  if (toMs - fromMs <= 1) throw new VaultLogUnavailable("incomplete");
  const middleMs = Math.floor((fromMs + toMs) / 2);
  const earlier = await readWhole(query, { fromMs, toMs: middleMs }, maxRows);
  return [...earlier, ...(await readWhole(query, { fromMs: middleMs, toMs }, maxRows))];
}
