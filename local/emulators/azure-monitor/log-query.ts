/**
 * The queries that the emulator knows: infra/queries/vault-operations.kql and vault-arrivals.kql with their parameters
 * before them. KQL is not executed: the text is recognised and then evaluated here, so any other query is refused.
 */
import { readFileSync } from "node:fs";
import type { AuditEvent } from "../key-vault/audit-log.ts";
import type { LoggedRow } from "./log-table.ts";

export interface TimeRange {
  startMs: number;
  endMs: number;
}

export interface LogQuery extends TimeRange {
  /** What the range bounds: when a row was generated, or when it was ingested. */
  name: "vault-operations" | "vault-arrivals";
  /** Lower case; empty: every vault. */
  vaultResourceId: string;
  maxRows: number;
}

type Cell = string | number;
type Row = Cell[];

const knownQueries = new Map(
  (["vault-operations", "vault-arrivals"] as const).map((name) => [textOf(name), name] as const),
);
const instant = String.raw`datetime\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\)`;
const prologue = new RegExp(
  `^let StartTime = ${instant}; let EndTime = ${instant}; let VaultResourceId = h?"([^"\\\\]*)"; let MaxRows = (\\d+); `,
);
const objectIdClaim = "http://schemas.microsoft.com/identity/claims/objectidentifier";

export const resultColumns = [
  { name: "TimeGenerated", type: "datetime" },
  { name: "OperationName", type: "string" },
  { name: "HttpStatusCode", type: "int" },
  { name: "CorrelationId", type: "string" },
  { name: "Id", type: "string" },
  { name: "RequestUri", type: "string" },
  { name: "ObjectId", type: "string" },
  { name: "AppId", type: "string" },
  { name: "CallerIpAddress", type: "string" },
  { name: "ClientInfo", type: "string" },
  { name: "_ResourceId", type: "string" },
];

/** Undefined for any other text. Comments and white space do not count. */
export function recognizeQuery(text: string): LogQuery | undefined {
  const query = normalize(text);
  const match = prologue.exec(query);
  const name = match ? knownQueries.get(query.slice(match[0].length)) : undefined;
  if (!match || !name) return undefined;
  const [, start = "", end = "", vaultResourceId = "", maxRows = ""] = match;
  return {
    name,
    startMs: Date.parse(start),
    endMs: Date.parse(end),
    vaultResourceId: vaultResourceId.toLowerCase(),
    maxRows: Number(maxRows),
  };
}

/** The request's `timespan` bounds TimeGenerated, whatever the query bounds itself. */
export function evaluateQuery(query: LogQuery, timespan: TimeRange, logged: readonly LoggedRow[]) {
  const events = logged
    .filter(({ event, ingestedMs }) => {
      const timeMs = Date.parse(event.TimeGenerated);
      const isOfVault = query.vaultResourceId === "" || event._ResourceId.toLowerCase() === query.vaultResourceId;
      return isOfVault && isIn(timespan, timeMs) && isIn(query, query.name === "vault-arrivals" ? ingestedMs : timeMs);
    })
    .map(({ event }) => event);
  if (query.name === "vault-operations") {
    const sorted = events.sort((one, other) => compare(sortKey(one), sortKey(other)));
    return { columns: resultColumns, rows: sorted.slice(0, query.maxRows).map(toRow) };
  }
  const seconds = new Set(events.map((event) => `${event.TimeGenerated.slice(0, 19)}Z`));
  const rows: Row[] = [...seconds].sort().map((second) => [second]);
  return { columns: resultColumns.slice(0, 1), rows: rows.slice(0, query.maxRows) };
}

function isIn({ startMs, endMs }: TimeRange, timeMs: number): boolean {
  return timeMs >= startMs && timeMs < endMs;
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
    claim.oid || claim[objectIdClaim] || "",
    claim.appid || claim.azp || "",
    event.CallerIpAddress,
    event.ClientInfo,
    event._ResourceId,
  ];
}

function sortKey(event: AuditEvent): string {
  const parts = [event.TimeGenerated, event.CorrelationId, event.OperationName, event.RequestUri, event.HttpStatusCode];
  return parts.join("\n");
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
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
