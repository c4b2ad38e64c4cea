/** `POST /v1/workspaces/{id}/query` of the Log Analytics API, for one workspace and the known queries. */

import type { AuditEvent } from "../key-vault/audit-log.ts";
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";
import { type AccessOptions, authorizeReader } from "./access.ts";
import { errorAnswer, partialError } from "./error-answers.ts";
import { evaluateQuery, type LogQuery, recognizeQuery, type TimeRange } from "./log-query.ts";
import { type LogSettings, shuffle, visibleRows } from "./log-table.ts";

export interface QueryRecord {
  objectId: string;
  query: LogQuery["name"];
  startTime: string;
  endTime: string;
  rows: number;
  isPartial: boolean;
}

export interface QueryEndpoint extends AccessOptions {
  workspaceId: string;
  audit: readonly AuditEvent[];
  settings: LogSettings;
  now: () => number;
  /** The answered queries, oldest first. */
  queries: QueryRecord[];
}

export async function answerQuery(endpoint: QueryEndpoint, request: EmulatorRequest): Promise<EmulatorResponse> {
  const objectId = await authorizeReader(endpoint, request.headers.authorization);
  if (typeof objectId !== "string") return objectId;
  const workspaceId = /^\/v1\/workspaces\/([^/]+)\/query$/.exec(request.url.pathname)?.[1];
  if (workspaceId?.toLowerCase() !== endpoint.workspaceId.toLowerCase()) {
    return errorAnswer(404, "WorkspaceNotFoundError", `The workspace ${workspaceId} could not be found`);
  }
  const body = parseBody(request.body);
  if (body === undefined) return errorAnswer(400, "BadArgumentError", "The request had some invalid properties");
  const query = recognizeQuery(body.query);
  if (query === undefined) return refuseQuery();
  const timespan = parseTimespan(body.timespan);
  if (timespan === undefined) return errorAnswer(400, "BadArgumentError", "The timespan is not of the form start/end");
  const nowMs = endpoint.now() + endpoint.settings.aheadMs;
  const logged = visibleRows(endpoint.audit, endpoint.settings, nowMs);
  const { columns, rows: all } = evaluateQuery(query, timespan, logged, nowMs);
  const rows = all.slice(0, endpoint.settings.rowLimit);
  const isPartial = rows.length < all.length;
  endpoint.queries.push({
    objectId,
    query: query.name,
    startTime: new Date(query.startMs).toISOString(),
    endTime: new Date(query.endMs).toISOString(),
    rows: rows.length,
    isPartial,
  });
  const table = {
    name: "PrimaryResult",
    columns,
    rows: endpoint.settings.reorder ? shuffle(rows) : rows,
  };
  const limit = `Query result set has exceeded the internal record count limit ${endpoint.settings.rowLimit}`;
  return { status: 200, body: { tables: [table], ...(isPartial && { error: partialError(limit) }) } };
}

/** Without a timespan, only the query itself bounds the time. */
function parseTimespan(text: string | undefined): TimeRange | undefined {
  if (text === undefined) return { startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY };
  const [startMs = Number.NaN, endMs = Number.NaN] = text.split("/").map((time) => Date.parse(time));
  return Number.isNaN(startMs) || Number.isNaN(endMs) ? undefined : { startMs, endMs };
}

function parseBody(body: Buffer): { query: string; timespan?: string } | undefined {
  try {
    const { query, timespan } = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    if (typeof query !== "string") return undefined;
    return { query, ...(typeof timespan === "string" && { timespan }) };
  } catch {
    return undefined;
  }
}

function refuseQuery(): EmulatorResponse {
  return errorAnswer(400, "BadArgumentError", "The request had some invalid properties", {
    code: "SemanticError",
    message: "A semantic error occurred.",
    innererror: {
      code: "SEM0100",
      message: "The emulator knows vault-*.kql of infra/queries with their parameters, and no other query.",
    },
  });
}
