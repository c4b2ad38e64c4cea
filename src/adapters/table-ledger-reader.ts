import { TableClient } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { type Guid, parseGuid } from "../domain/guid.ts";
import type { LedgerReader } from "../domain/sign-audit/audit-store.ts";
import type { LedgerRow } from "../domain/sign-audit/finding.ts";
import { ledgerPartitions } from "./ledger-partition.ts";

const hourMs = 3_600_000;

/**
 * Reads the ledger by time. Row keys begin with their time, so of each partition only the part that is asked for is
 * read, however many rows it has.
 */
export function createTableLedgerReader(url: string, credential: TokenCredential): LedgerReader {
  const { origin, pathname } = new URL(url);
  const table = new TableClient(origin, pathname.slice(1), credential);
  async function readPartition(partition: string, fromMs: number, toMs: number): Promise<LedgerRow[]> {
    const filter = `PartitionKey eq '${partition}' and RowKey ge '${keyAt(fromMs)}' and RowKey lt '${keyAt(toMs)}'`;
    const select = ["rowKey", "time", "keyName", "keyVersion", "outcome", "vaultRequestId"];
    const rows: LedgerRow[] = [];
    for await (const row of table.listEntities({ queryOptions: { filter, select } })) rows.push(toLedgerRow(row));
    return rows;
  }
  return {
    async rowsBetween(fromMs, toMs) {
      const reads: Promise<LedgerRow[]>[] = [];
      for (let hour = Math.floor(fromMs / hourMs) * hourMs; hour < toMs; hour += hourMs) {
        for (const partition of ledgerPartitions(hour)) reads.push(readPartition(partition, fromMs, toMs));
      }
      return (await Promise.all(reads)).flat();
    },
  };
}

/** The least row key (UUID version 7) of a time. */
function keyAt(timeMs: number): string {
  const hex = Math.max(0, Math.floor(timeMs)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

function toLedgerRow(row: Record<string, unknown>): LedgerRow {
  const text = (name: string) => (typeof row[name] === "string" ? (row[name] as string) : undefined);
  const outcome = text("outcome") as LedgerRow["outcome"];
  const vaultRequestId = text("vaultRequestId");
  return {
    id: parseGuid(text("rowKey")) as Guid,
    timeMs: row.time instanceof Date ? row.time.getTime() : Date.parse(String(row.time)),
    keyName: text("keyName") ?? "",
    keyVersion: text("keyVersion") ?? "",
    ...(outcome === undefined ? {} : { outcome }),
    ...(vaultRequestId === undefined ? {} : { vaultRequestId }),
  };
}
