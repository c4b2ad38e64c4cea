import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { LedgerRetention } from "../../domain/audit/ports.ts";
import { openTable, patience } from "./clients.ts";
import { hourOf } from "./ledger-partition.ts";

/** Maximum rows per run. With a run every five minutes that is half a million a day. */
const maxRows = 2_000;
const parallel = 20;

/**
 * Deletes rows that are older than the retention time, from the oldest hour on; partitions are named by time. Rows are
 * deleted one by one and not in transactions: a transaction needs all rows in one partition, and the emulator in the
 * tests refuses them.
 */
export function createTableLedgerRetention(url: string, credential: TokenCredential): LedgerRetention {
  const table = openTable(url, credential, patience.background);
  return {
    async expire(beforeMs) {
      const queryOptions = { filter: `PartitionKey lt '${hourOf(beforeMs)}'`, select: ["partitionKey", "rowKey"] };
      const rows: [partitionKey: string, rowKey: string][] = [];
      for await (const { partitionKey = "", rowKey = "" } of table.listEntities({ queryOptions })) {
        if (rows.push([partitionKey, rowKey]) >= maxRows) break;
      }
      for (let i = 0; i < rows.length; i += parallel) {
        await Promise.all(rows.slice(i, i + parallel).map((row) => table.deleteEntity(...row).catch(unlessGone)));
      }
      return rows.length;
    },
  };
}

/** Ignores a 404: another instance has deleted the row. */
function unlessGone(error: unknown): void {
  if (!(error instanceof RestError) || error.statusCode !== 404) throw error;
}
