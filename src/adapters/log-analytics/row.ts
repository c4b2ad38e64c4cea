import type { LogsTable } from "@azure/monitor-query-logs";
import { VaultLogUnavailable } from "../../domain/audit/ports.ts";
import type { VaultLogRow } from "../../domain/audit/vault-log.ts";

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
  "_ResourceId",
] as const;

type Column = (typeof columns)[number];
type Cell = (column: Column) => unknown;

/** Columns are found by name. One that is missing is an error: a silent gap in the log would hide a signature. */
export function readVaultLogRows(table: LogsTable): VaultLogRow[] {
  return cellsOf(table, columns).map(readRow);
}

/** The times of rows, where nothing else is asked for. */
export function readRowTimes(table: LogsTable): number[] {
  return cellsOf(table, ["TimeGenerated"]).map(readTime);
}

function cellsOf(table: LogsTable, expected: readonly Column[]): Cell[] {
  const places = new Map(table.columnDescriptors.map(({ name }, place) => [name, place]));
  if (!expected.every((column) => places.has(column))) throw new VaultLogUnavailable("unexpected");
  return table.rows.map((cells) => (column) => cells[places.get(column) ?? -1]);
}

function readTime(cell: Cell): number {
  const time = cell("TimeGenerated");
  const timeMs = time instanceof Date ? time.getTime() : Number.NaN;
  if (Number.isNaN(timeMs)) throw new VaultLogUnavailable("unexpected");
  return timeMs;
}

function readRow(cell: Cell): VaultLogRow {
  const operation = text(cell("OperationName"));
  if (operation === "") throw new VaultLogUnavailable("unexpected");
  const callerObjectId = text(cell("ObjectId")).toLowerCase();
  const callerAppId = text(cell("AppId")).toLowerCase();
  const callerAddress = text(cell("CallerIpAddress"));
  const clientInfo = text(cell("ClientInfo"));
  return {
    timeMs: readTime(cell),
    operation,
    // Null where the vault logs an event of its own and no request.
    httpStatus: Number(cell("HttpStatusCode") ?? 0),
    requestId: text(cell("CorrelationId")),
    ...readKey(operation, text(cell("Id")), text(cell("RequestUri"))),
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

/** `Id` may be empty, or name the key without the version that the request named; it may also name no key. */
function readKey(operation: string, id: string, requestUri: string): KeyPath {
  const asked = operation === "KeyRestore" ? {} : parseKeyPath(requestUri);
  if (!URL.canParse(id)) return asked;
  const touched = parseKeyPath(id);
  return touched.keyVersion === undefined && touched.keyName === asked.keyName ? asked : touched;
}

/** By path segments, whatever their case, and whatever port the URL has (`:443` and `:8443` were seen). */
function parseKeyPath(url: string): KeyPath {
  if (!URL.canParse(url)) return {};
  const [, collection, keyName, keyVersion = ""] = new URL(url).pathname.toLowerCase().split("/");
  if ((collection !== "keys" && collection !== "deletedkeys") || !keyName) return {};
  // In the version's place there may also be an operation: /keys/{name}/backup.
  return { keyName, ...(/^[0-9a-f]{32}$/.test(keyVersion) && { keyVersion }) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
