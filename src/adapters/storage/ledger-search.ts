import { odata, RestError, type TableClient, type TableEntityResult } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import {
  hourMs,
  hoursOf,
  type LedgerQuery,
  type LedgerSearch,
  matchesQuery,
  type UnreadableRow,
} from "../../domain/audit/ledger-search.ts";
import { Fault } from "../../domain/shared/fault.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import type { Result } from "../../domain/shared/result.ts";
import type { LedgerEntry } from "../../domain/signing/ledger.ts";
import { DeadlineExceeded } from "../azure/deadline.ts";
import { errorClass, tableErrorCode } from "../azure/error.ts";
import { openTable, patience } from "./clients.ts";
import { ledgerProperties, parseLedgerEntity } from "./ledger-entity.ts";
import { hourOf, hourOfPartition, keyAt, ledgerPartitions, partitionOf } from "./ledger-partition.ts";

/** Rows of one page; a table returns at most a thousand. Sixteen pages, those of one hour, are held at once. */
const minPageRows = 100;
const maxPageRows = 1_000;
/** Tables return rows in ascending order only. For newest first, up to this many rows are held and reversed. */
const turnedRows = 4_000;

type Row = TableEntityResult<Record<string, unknown>>;
type Found = Result<LedgerEntry, UnreadableRow>;

/**
 * Reads the ledger for the command line: hour by hour, with the sixteen partitions of an hour read at once and merged.
 * Hours without rows are skipped. It sees only partitions that Keyhold writes.
 */
export function createTableLedgerSearch(url: string, credential: TokenCredential): LedgerSearch {
  const table = openTable(url, credential, patience.background);
  return {
    async *find(query) {
      let left = query.limit ?? Number.POSITIVE_INFINITY;
      if (left <= 0) return;
      try {
        for await (const row of query.id === undefined ? rowsOf(table, query) : rowOfId(table, query.id)) {
          const found: Found = parseLedgerEntity(row);
          if (found.ok && !matchesQuery(query, found.value)) continue;
          yield found;
          if (found.ok) left -= 1;
          if (left <= 0) return;
        }
      } catch (error) {
        throw faultOf(error);
      }
    },
  };
}

/** Converts storage errors to a fault. Other errors, such as a credential's, are returned unchanged. */
function faultOf(error: unknown): unknown {
  const isStorage = error instanceof RestError || error instanceof DeadlineExceeded;
  return isStorage ? new Fault("ledger_unavailable", { because: errorClass(error) }) : error;
}

async function* rowOfId(table: TableClient, id: Guid): AsyncGenerator<Row> {
  try {
    yield await table.getEntity(partitionOf(id), id);
  } catch (error) {
    // Any other 404 means that there is no table.
    if (tableErrorCode(error) !== "ResourceNotFound") throw error;
  }
}

async function* rowsOf(table: TableClient, query: LedgerQuery): AsyncGenerator<Row> {
  const { fromMs, toMs } = hoursOf(query);
  const hours = query.newestFirst ? hoursDown(table, fromMs, toMs) : hoursUp(table, fromMs, toMs);
  for await (const hour of hours) {
    const part = { ...query, fromMs: Math.max(hour, query.fromMs), toMs: Math.min(hour + hourMs, query.toMs) };
    yield* query.newestFirst ? rowsDown(table, part) : rowsUp(table, part);
  }
}

/** The hours that have rows. One small read skips any number of empty hours. */
async function* hoursUp(table: TableClient, fromMs: number, toMs: number): AsyncGenerator<number> {
  for (let from = fromMs; from < toMs; ) {
    const hour = await firstHour(table, from, toMs);
    if (hour === undefined) return;
    yield hour;
    from = hour + hourMs;
  }
}

async function* hoursDown(table: TableClient, fromMs: number, toMs: number): AsyncGenerator<number> {
  const first = fromMs < toMs ? await firstHour(table, fromMs, toMs) : undefined;
  if (first === undefined) return;
  const hours = (toMs - first) / hourMs;
  if (hours === 1) return yield first;
  const middle = first + Math.floor(hours / 2) * hourMs;
  yield* hoursDown(table, middle, toMs);
  yield* hoursDown(table, first, middle);
}

async function firstHour(table: TableClient, fromMs: number, toMs: number): Promise<number | undefined> {
  let partition = await firstPartition(table, odata`PartitionKey ge ${hourOf(fromMs)}`, toMs);
  // A partition with another form of name is not ours. It must not hide later hours.
  while (partition !== undefined && Number.isNaN(hourOfPartition(partition))) {
    partition = await firstPartition(table, odata`PartitionKey gt ${partition}`, toMs);
  }
  return partition === undefined ? undefined : hourOfPartition(partition);
}

async function firstPartition(table: TableClient, after: string, toMs: number): Promise<string | undefined> {
  const filter = `${after} and ${odata`PartitionKey lt ${hourOf(toMs)}`}`;
  const rows = table.listEntities({ queryOptions: { filter, select: ["PartitionKey", "RowKey"] } });
  for await (const [row] of rows.byPage({ maxPageSize: 1 })) {
    if (row) return row.partitionKey; // a page may be empty although a later one is not
  }
  return undefined;
}

/** The rows of one hour. Row keys begin with their time, so only requested rows are read, however many there are. */
async function* rowsUp(table: TableClient, query: LedgerQuery): AsyncGenerator<Row> {
  const select = ["PartitionKey", "RowKey", ...ledgerProperties];
  const maxPageSize = Math.min(Math.max(query.limit ?? maxPageRows, minPageRows), maxPageRows);
  const streams = ledgerPartitions(query.fromMs).map((partition) =>
    flatten(
      table.listEntities({ queryOptions: { filter: filterOf(partition, query), select } }).byPage({ maxPageSize }),
    ),
  );
  yield* merge(streams);
}

/** The rows, newest first. Halves the time range until its rows can be held; a single millisecond is not divided. */
async function* rowsDown(table: TableClient, query: LedgerQuery): AsyncGenerator<Row> {
  const { fromMs, toMs } = query;
  const held: Row[] = [];
  for await (const row of rowsUp(table, query)) {
    held.push(row);
    if (held.length > turnedRows && toMs - fromMs > 1) {
      const middle = Math.floor((fromMs + toMs) / 2);
      yield* rowsDown(table, { ...query, fromMs: middle });
      yield* rowsDown(table, { ...query, toMs: middle });
      return;
    }
  }
  yield* held.reverse();
}

/**
 * The OData filter. `odata` escapes all values; none is concatenated by hand. An operator may paste anything, and `' or
 * PartitionKey ne '` must match nothing rather than everything.
 */
export function filterOf(partition: string, query: LedgerQuery): string {
  const { fromMs, toMs, callerObjectId, tenantId, clientId, purpose, outcome } = query;
  return [
    odata`PartitionKey eq ${partition} and RowKey ge ${keyAt(fromMs)} and RowKey lt ${keyAt(toMs)}`,
    ...(callerObjectId === undefined ? [] : [odata`callerObjectId eq ${callerObjectId}`]),
    ...(tenantId === undefined ? [] : [odata`tenantId eq ${tenantId}`]),
    ...(clientId === undefined ? [] : [odata`clientId eq ${clientId}`]),
    ...(purpose === undefined ? [] : [odata`purpose eq ${purpose}`]),
    // A filter cannot match a missing property.
    ...(outcome === undefined || outcome === "open" ? [] : [odata`outcome eq ${outcome}`]),
  ].join(" and ");
}

async function* flatten(pages: AsyncIterable<Row[]>): AsyncGenerator<Row> {
  for await (const page of pages) yield* page;
}

/** Merges streams that are sorted by row key. Each is read no further than the page of its next row. */
async function* merge(streams: readonly AsyncGenerator<Row>[]): AsyncGenerator<Row> {
  const heads = await Promise.all(streams.map(async (stream) => ({ stream, next: await stream.next() })));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (!head.next.done && (!first || keyOf(head.next.value) < keyOf(first.next.value))) first = head;
    }
    if (!first) return;
    yield first.next.value;
    first.next = await first.stream.next();
  }
}

function keyOf(row: Row): string {
  return row.rowKey ?? "";
}
