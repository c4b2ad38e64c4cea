/**
 * The control interface of Azure Monitor: the lag and the gaps of the log, who may read it, the queries that were
 * answered, the telemetry received and the portal's views of it, latency and faults.
 */
import { z } from "zod";
import { behaviourSchema } from "../shared/behaviour-schema.ts";
import { ControlError, type ControlRoute } from "../shared/control-route.ts";
import type { Behaviour } from "../shared/emulator-server.ts";
import type { LiveMetrics } from "./live-metrics.ts";
import type { LogSettings } from "./log-table.ts";
import type { QueryRecord } from "./query-endpoint.ts";
import { type StoredEnvelope, telemetryTables } from "./telemetry.ts";
import { applicationMap, failures, transaction } from "./views.ts";

interface ControlledMonitor {
  log: LogSettings;
  behaviour: Behaviour;
  readers: string[];
  queries: QueryRecord[];
  telemetry: StoredEnvelope[];
  liveMetrics: LiveMetrics;
}

const milliseconds = z.int().nonnegative();
const share = z.number().min(0).max(1);
const instant = z.iso.datetime({ offset: true });

const settingsBody = z.strictObject({
  aheadMs: milliseconds.exactOptional(),
  ingestionLagMs: milliseconds.exactOptional(),
  lateShare: share.exactOptional(),
  lateMs: milliseconds.exactOptional(),
  duplicateShare: share.exactOptional(),
  reorder: z.boolean().exactOptional(),
  rowLimit: z.int().positive().exactOptional(),
  cut: z
    .array(
      z.strictObject({
        correlationId: z.string().exactOptional(),
        operation: z.string().exactOptional(),
        objectId: z.string().exactOptional(),
        startTime: instant.exactOptional(),
        endTime: instant.exactOptional(),
      }),
    )
    .exactOptional(),
});

const behaviourBody = behaviourSchema(z.enum(["query", "track", "live"]));

const transactionQuery = z.strictObject({ operationId: z.string() });
const liveBody = z.strictObject({ isWatched: z.boolean() });

const telemetryQuery = z.strictObject({ table: z.enum(Object.values(telemetryTables)).exactOptional() });

export function controlRoutes(monitor: ControlledMonitor): ControlRoute[] {
  const { log, behaviour, readers, queries, telemetry, liveMetrics } = monitor;
  return [
    { method: "GET", path: "/log", handle: () => log },
    { method: "PUT", path: "/log", handle: ({ body }) => Object.assign(log, parse(settingsBody, body)) },
    { method: "GET", path: "/behaviour", handle: () => behaviour },
    { method: "PUT", path: "/behaviour", handle: ({ body }) => Object.assign(behaviour, parse(behaviourBody, body)) },
    { method: "GET", path: "/readers", handle: () => readers },
    {
      method: "PUT",
      path: "/readers",
      handle({ body }) {
        readers.splice(0, readers.length, ...parse(z.array(z.guid()), body));
        return readers;
      },
    },
    { method: "GET", path: "/queries", handle: () => queries },
    { method: "DELETE", path: "/queries", handle: () => void queries.splice(0) },
    {
      method: "GET",
      path: "/telemetry",
      handle({ query }) {
        const { table } = parse(telemetryQuery, Object.fromEntries(query));
        return telemetry.filter((stored) => table === undefined || stored.table === table);
      },
    },
    { method: "DELETE", path: "/telemetry", handle: () => void telemetry.splice(0) },
    { method: "GET", path: "/application-map", handle: () => applicationMap(telemetry) },
    {
      method: "GET",
      path: "/transaction",
      handle: ({ query }) => transaction(telemetry, parse(transactionQuery, Object.fromEntries(query)).operationId),
    },
    { method: "GET", path: "/failures", handle: () => failures(telemetry) },
    { method: "GET", path: "/live-metrics", handle: () => liveMetrics },
    { method: "PUT", path: "/live-metrics", handle: ({ body }) => Object.assign(liveMetrics, parse(liveBody, body)) },
  ];
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const result = schema.safeParse(body);
  if (!result.success) throw new ControlError(z.prettifyError(result.error));
  return result.data;
}
