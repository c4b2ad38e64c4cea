/**
 * The queries that the emulator knows: infra/queries/vault-*.kql with their parameters in front. KQL is not executed:
 * the text is recognised and then evaluated here, so any other query is refused.
 */
import { readFileSync } from "node:fs";
import type { AuditEvent } from "../key-vault/audit-log.ts";
import type { LoggedRow } from "./log-table.ts";

export interface TimeRange {
  startMs: number;
  endMs: number;
}

const names = ["vault-operations", "vault-refusals", "vault-arrivals", "vault-now"] as const;

export interface LogQuery extends TimeRange {
  /** The range bounds the time when a row was generated or, for arrivals, when it was ingested. */
  name: (typeof names)[number];
  /** Lower case. Empty means every vault. */
  vaultResourceId: string;
  /** Lower case. */
  signingObjectId: string;
  maxRows: number;
}

type Cell = string | number;
type Row = Cell[];
type Table = { columns: { name: string; type: string }[]; rows: Row[] };

const knownQueries = new Map(names.map((name) => [textOf(name), name] as const));
const instant = String.raw`datetime\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\)`;
const prologue = new RegExp(
  `^let StartTime = ${instant}; let EndTime = ${instant}; let VaultResourceId = h?"([^"\\\\]*)"; ` +
    `let SigningObjectId = h?"([^"\\\\]*)"; let MaxRows = (\\d+); `,
);
const objectIdClaim = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const windowMs = 300_000;

const column = (name: string, type = "string") => ({ name, type });
export const resultColumns = [
  column("TimeGenerated", "datetime"),
  column("OperationName"),
  column("HttpStatusCode", "int"),
  ...["CorrelationId", "Id", "RequestUri", "ObjectId", "AppId", "CallerIpAddress", "ClientInfo"].map((name) =>
    column(name),
  ),
];
export const refusalColumns = [
  ...[column("ObjectId"), column("OperationName"), column("HttpStatusCode", "int"), column("Requests", "long")],
  ...[column("LastTime", "datetime"), column("TimeGenerated", "datetime")],
  ...["CorrelationId", "Id", "RequestUri", "AppId", "CallerIpAddress", "ClientInfo"].map((name) => column(name)),
];

/** Undefined for any other text. Comments and white space do not count. */
export function recognizeQuery(text: string): LogQuery | undefined {
  const query = normalize(text);
  const match = prologue.exec(query);
  const name = match ? knownQueries.get(query.slice(match[0].length)) : undefined;
  if (!match || !name) return undefined;
  const [, start = "", end = "", vaultResourceId = "", signingObjectId = "", maxRows = ""] = match;
  return {
    name,
    startMs: Date.parse(start),
    endMs: Date.parse(end),
    vaultResourceId: vaultResourceId.toLowerCase(),
    signingObjectId: signingObjectId.toLowerCase(),
    maxRows: Number(maxRows),
  };
}

/** The request's `timespan` bounds TimeGenerated, regardless of what the query itself bounds. */
export function evaluateQuery(
  query: LogQuery,
  timespan: TimeRange,
  logged: readonly LoggedRow[],
  nowMs: number,
): Table {
  if (query.name === "vault-now") return { columns: [column("Now", "datetime")], rows: [[isoOf(nowMs)]] };
  const inScope = logged.filter(({ event }) => isIn(timespan, timeOf(event)) && isScope(query, event));
  const { columns, rows } =
    query.name === "vault-arrivals"
      ? countArrivals(query, inScope)
      : tableOf(
          query,
          inScope.map(({ event }) => event),
        );
  return { columns, rows: rows.slice(0, query.maxRows) };
}

/**
 * Whether a row belongs to the vault, has an identified caller, and is a signature or was caused by the signing
 * identity.
 */
function isScope(query: LogQuery, event: AuditEvent): boolean {
  const isOfVault = query.vaultResourceId === "" || event._ResourceId.toLowerCase() === query.vaultResourceId;
  const isOurs = objectIdOf(event).toLowerCase() === query.signingObjectId;
  return isOfVault && event.HttpStatusCode !== 401 && (event.OperationName.toLowerCase() === "keysign" || isOurs);
}

function countArrivals(query: LogQuery, logged: readonly LoggedRow[]): Table {
  const windows = Map.groupBy(logged, ({ event }) => Math.floor(timeOf(event) / windowMs) * windowMs);
  const touched = [...windows].filter(([, rows]) => rows.some(({ ingestedMs }) => isIn(query, ingestedMs)));
  const columns = [column("Window", "datetime"), column("Rows", "long")];
  return { columns, rows: touched.map(([startMs, rows]) => [isoOf(startMs), rows.length]) };
}

function tableOf(query: LogQuery, events: readonly AuditEvent[]): Table {
  const inTime = events.filter((event) => isIn(query, timeOf(event)));
  if (query.name === "vault-operations") {
    return { columns: resultColumns, rows: inTime.filter(({ HttpStatusCode: status }) => status < 400).map(toRow) };
  }
  const refused = inTime.filter(({ HttpStatusCode: status }) => status >= 400);
  const distinct = new Map(refused.map((event) => [JSON.stringify(toRow(event)), event]));
  const groups = Map.groupBy(distinct.values(), (event) =>
    JSON.stringify([objectIdOf(event), event.OperationName, event.HttpStatusCode]),
  );
  return { columns: refusalColumns, rows: [...groups.values()].map(toRefusals) };
}

function toRefusals(events: readonly AuditEvent[]): Row {
  const inOrder = events.toSorted((a, b) => timeOf(a) - timeOf(b));
  const [first, last] = [inOrder[0] as AuditEvent, inOrder.at(-1) as AuditEvent];
  const [time, operation, status, request, id, uri, objectId, ...more] = toRow(first) as [
    Cell,
    Cell,
    Cell,
    Cell,
    Cell,
    Cell,
    Cell,
  ];
  return [objectId, operation, status, events.length, last.TimeGenerated, time, request, id, uri, ...more];
}

function isIn({ startMs, endMs }: TimeRange, timeMs: number): boolean {
  return timeMs >= startMs && timeMs < endMs;
}

function timeOf(event: AuditEvent): number {
  return Date.parse(event.TimeGenerated);
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function objectIdOf({ Identity: { claim } }: AuditEvent): string {
  return claim.oid || claim[objectIdClaim] || "";
}

function toRow(event: AuditEvent): Row {
  const { claim } = event.Identity;
  return [
    event.TimeGenerated,
    event.OperationName,
    event.HttpStatusCode,
    event.CorrelationId,
    event.Id,
    event.RequestUri,
    objectIdOf(event),
    claim.appid || claim.azp || "",
    event.CallerIpAddress,
    event.ClientInfo,
  ];
}

function normalize(text: string): string {
  return text
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}

function textOf(name: LogQuery["name"]): string {
  return normalize(readFileSync(new URL(`../../../infra/queries/${name}.kql`, import.meta.url), "utf8"));
}
