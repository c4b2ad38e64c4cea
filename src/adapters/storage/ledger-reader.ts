import { odata } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { LedgerRow } from "../../domain/audit/findings.ts";
import { hourMs } from "../../domain/audit/ledger-search.ts";
import type { LedgerReader } from "../../domain/audit/ports.ts";
import { parseGuid } from "../../domain/shared/guid.ts";
import { timeOfLedgerId } from "../../domain/signing/ledger-id.ts";
import { createInterner } from "../azure/interned.ts";
import { openTable, patience } from "./clients.ts";
import { keyAt, ledgerPartitions } from "./ledger-partition.ts";

/** Partitions read at once. Each holds a page of a thousand rows in memory. */
const parallel = 4;

/**
 * Reads the ledger by time. Row keys begin with their time, so only the requested part of each partition is read,
 * however many rows it has.
 */
export function createTableLedgerReader(url: string, credential: TokenCredential): LedgerReader {
  const table = openTable(url, credential, patience.background);
  async function readPartition(partition: string, fromMs: number, toMs: number): Promise<LedgerRow[]> {
    const filter = odata`PartitionKey eq ${partition} and RowKey ge ${keyAt(fromMs)} and RowKey lt ${keyAt(toMs)}`;
    const select = [
      "rowKey",
      "time",
      "keyName",
      "keyVersion",
      "identityClientId",
      "outcome",
      "vaultRequestId",
      "instance",
    ];
    const rows: LedgerRow[] = [];
    const once = createInterner();
    for await (const entity of table.listEntities({ queryOptions: { filter, select } })) {
      const row = toLedgerRow(entity, once);
      if (row) rows.push(row);
    }
    return rows;
  }
  return {
    async rowsBetween(fromMs, toMs) {
      const rows: LedgerRow[][] = [];
      for (let hour = Math.floor(fromMs / hourMs) * hourMs; hour < toMs; hour += hourMs) {
        const partitions = ledgerPartitions(hour);
        for (let i = 0; i < partitions.length; i += parallel) {
          const some = partitions.slice(i, i + parallel);
          rows.push(...(await Promise.all(some.map((partition) => readPartition(partition, fromMs, toMs)))));
        }
      }
      return rows.flat();
    },
  };
}

/**
 * Undefined for a row that Keyhold did not write, so that it cannot explain a signature. Also undefined for a row of a
 * managed identity, which has no key and nothing in the vault's log.
 */
function toLedgerRow(row: Record<string, unknown>, once: (text: string) => string): LedgerRow | undefined {
  const text = (name: string) => (typeof row[name] === "string" ? (row[name] as string) : undefined);
  const outcome = text("outcome") as LedgerRow["outcome"];
  const vaultRequestId = text("vaultRequestId");
  const id = parseGuid(text("rowKey"));
  if (id === undefined || !(row.time instanceof Date) || row.time.getTime() !== timeOfLedgerId(id)) return undefined;
  if (text("identityClientId") !== undefined) return undefined;
  return {
    id,
    timeMs: row.time.getTime(),
    keyName: once(text("keyName") ?? ""),
    keyVersion: once(text("keyVersion") ?? ""),
    instance: once(text("instance") ?? ""),
    ...(outcome === undefined ? {} : { outcome }),
    ...(vaultRequestId === undefined ? {} : { vaultRequestId }),
  };
}
