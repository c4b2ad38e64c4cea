/**
 * The ingestion endpoint of Application Insights (`POST /v2.1/track`). It keeps the envelopes unchanged, by the table
 * of Azure Monitor Logs that would store them. It accepts any instrumentation key and does not sample.
 */
import { gunzipSync } from "node:zlib";
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";

export interface Envelope {
  name: string;
  time: string;
  iKey?: string;
  tags?: Record<string, string>;
  data: { baseType: string; baseData: Record<string, unknown> };
}

export const telemetryTables = {
  MetricData: "AppMetrics",
  EventData: "AppEvents",
  MessageData: "AppTraces",
  RequestData: "AppRequests",
  RemoteDependencyData: "AppDependencies",
  ExceptionData: "AppExceptions",
} as const;

export type TelemetryTable = (typeof telemetryTables)[keyof typeof telemetryTables];

export interface StoredEnvelope {
  table: TelemetryTable;
  envelope: Envelope;
}

/** Above this number the oldest are dropped, so that a long-running stack does not grow. */
const maxStored = 50_000;

export function answerTrack(stored: StoredEnvelope[], request: EmulatorRequest): EmulatorResponse {
  const items = parseItems(request);
  if (items === undefined) return { status: 400, body: summary(0, [], "the body is no JSON") };
  const accepted: StoredEnvelope[] = [];
  const refused: number[] = [];
  for (const [index, item] of items.entries()) {
    const table = tableOf(item);
    if (table === undefined) refused.push(index);
    else accepted.push({ table, envelope: item as Envelope });
  }
  stored.push(...accepted);
  if (stored.length > maxStored) stored.splice(0, stored.length - maxStored);
  const status = refused.length === 0 ? 200 : accepted.length === 0 ? 400 : 206;
  return { status, body: summary(items.length, refused, "not a known kind of telemetry") };
}

/** Refuses without reading the request. */
export function refuseTrack(message: string): EmulatorResponse {
  const errors = [{ index: 0, statusCode: 401, message }];
  return { status: 401, body: { itemsReceived: 0, itemsAccepted: 0, errors } };
}

function summary(itemsReceived: number, refused: number[], message: string) {
  return {
    itemsReceived,
    itemsAccepted: itemsReceived - refused.length,
    errors: refused.map((index) => ({ index, statusCode: 400, message })),
  };
}

/** A JSON array, one JSON object, or one object per line. */
function parseItems({ body, headers }: EmulatorRequest): unknown[] | undefined {
  try {
    const text = (headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString("utf8").trim();
    if (text.startsWith("[")) return JSON.parse(text) as unknown[];
    return text.split(/\r?\n/).map((line) => JSON.parse(line) as unknown);
  } catch {
    return undefined;
  }
}

function tableOf(item: unknown): TelemetryTable | undefined {
  const { data } = (item ?? {}) as Partial<Envelope>;
  const baseType = data?.baseType ?? "";
  return Object.hasOwn(telemetryTables, baseType)
    ? telemetryTables[baseType as keyof typeof telemetryTables]
    : undefined;
}
