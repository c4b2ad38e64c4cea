import type { LogsTable } from "@azure/monitor-query-logs";
import { VaultLogUnavailable } from "../../domain/audit/ports.ts";
import type { Refusals, VaultLogRow, WindowCount } from "../../domain/audit/vault-log.ts";
import { createInterner } from "../azure/interned.ts";

const columns = [
  "TimeGenerated",
  "OperationName",
  "HttpStatusCode",
  "CorrelationId",
  "Id",
  "RequestUri",
  "ObjectId",
  "AppId",
  "CallerIpAddress",
  "ClientInfo",
] as const;

/** Maximum number of parsed key paths that are kept. There are few, unless an attacker causes many. */
const maxHeld = 1_000;

type Column = (typeof columns)[number] | "Requests" | "LastTime" | "Window" | "Rows" | "Now";
type Cell = (column: Column) => unknown;

/**
 * Returns a function that reads the parts of one answer, one after another. Columns are found by name. A missing column
 * is an error, because a silent gap in the log would hide a signature. Most texts are the same in all rows and are held
 * once.
 */
export function readVaultLogRows(): (table: LogsTable) => VaultLogRow[] {
  const keys = new Map<string, KeyPath>();
  const once = createInterner();
  return (table) => cellsOf(table, columns).map((cell) => readRow(cell, once, keys));
}

/** One entry for each identity, operation and status. */
export function readRefusals(table: LogsTable): Refusals[] {
  return cellsOf(table, [...columns, "Requests", "LastTime"]).map((cell) => ({
    ...readRow(cell, (value) => value, new Map()),
    count: readNumber(cell, "Requests"),
    lastMs: readTime(cell, "LastTime"),
  }));
}

/** Windows, with their numbers of rows. */
export function readWindowCounts(table: LogsTable): WindowCount[] {
  return cellsOf(table, ["Window", "Rows"]).map((cell) => ({
    fromMs: readTime(cell, "Window"),
    rows: readNumber(cell, "Rows"),
  }));
}

/** The service's time, milliseconds since 1970. */
export function readNow(table: LogsTable): number {
  const [cell] = cellsOf(table, ["Now"]);
  if (!cell) throw new VaultLogUnavailable("unexpected");
  return readTime(cell, "Now");
}

function cellsOf(table: LogsTable, expected: readonly Column[]): Cell[] {
  const places = new Map(table.columnDescriptors.map(({ name }, place) => [name, place]));
  if (!expected.every((column) => places.has(column))) throw new VaultLogUnavailable("unexpected");
  return table.rows.map((cells) => (column) => cells[places.get(column) ?? -1]);
}

function readNumber(cell: Cell, column: Column): number {
  const value = Number(cell(column));
  if (!Number.isSafeInteger(value)) throw new VaultLogUnavailable("unexpected");
  return value;
}

function readTime(cell: Cell, column: Column): number {
  const time = cell(column);
  const timeMs = time instanceof Date ? time.getTime() : Number.NaN;
  if (Number.isNaN(timeMs)) throw new VaultLogUnavailable("unexpected");
  return timeMs;
}

function readRow(cell: Cell, once: (value: string) => string, keys: Map<string, KeyPath>): VaultLogRow {
  const operation = once(text(cell("OperationName")));
  if (operation === "") throw new VaultLogUnavailable("unexpected");
  const [id, requestUri] = [text(cell("Id")), text(cell("RequestUri"))];
  const path = `${operation} ${id} ${requestUri}`;
  const key = keys.get(path) ?? readKey(operation, id, requestUri);
  if (keys.size < maxHeld) keys.set(path, key);
  const callerObjectId = once(text(cell("ObjectId")).toLowerCase());
  const callerAppId = once(text(cell("AppId")).toLowerCase());
  const callerAddress = once(text(cell("CallerIpAddress")));
  const clientInfo = once(text(cell("ClientInfo")));
  return {
    timeMs: readTime(cell, "TimeGenerated"),
    operation,
    // Null for an event of the vault itself, which is not a request.
    httpStatus: Number(cell("HttpStatusCode") ?? 0),
    requestId: text(cell("CorrelationId")),
    ...key,
    ...(callerObjectId && { callerObjectId }),
    ...(callerAppId && { callerAppId }),
    ...(callerAddress && { callerAddress }),
    ...(clientInfo && { clientInfo }),
  };
}

interface KeyPath {
  keyName?: string;
  keyVersion?: string;
}

/** `Id` may be empty, may lack the version that the request URI has, or may not name a key at all. */
function readKey(operation: string, id: string, requestUri: string): KeyPath {
  const asked = operation === "KeyRestore" ? {} : parseKeyPath(requestUri);
  if (!URL.canParse(id)) return asked;
  const touched = parseKeyPath(id);
  return touched.keyVersion === undefined && touched.keyName === asked.keyName ? asked : touched;
}

/** Parses path segments in any case. The URL may have any port (`:443` and `:8443` were seen). */
function parseKeyPath(url: string): KeyPath {
  if (!URL.canParse(url)) return {};
  const [, collection, keyName, keyVersion = ""] = new URL(url).pathname.toLowerCase().split("/");
  if ((collection !== "keys" && collection !== "deletedkeys") || !keyName) return {};
  // An operation may be in the place of the version: /keys/{name}/backup.
  return { keyName, ...(/^[0-9a-f]{32}$/.test(keyVersion) && { keyVersion }) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
