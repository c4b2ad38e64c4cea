/**
 * An emulator of Azure Monitor over HTTPS: the query API of Log Analytics over the log of the emulated vault, and the
 * ingestion endpoint of Application Insights with its live metrics. The unchanged clients of both work with it.
 *
 * It does not execute KQL, and does not emulate retention, alerts or the API's own request limits.
 */

import type { AuditEvent } from "../key-vault/audit-log.ts";
import type { TlsIdentity } from "../shared/certificate-authority.ts";
import type { ControlRoute } from "../shared/control-route.ts";
import {
  applyBehaviour,
  type Behaviour,
  createEmulator,
  type Emulator,
  type EmulatorRequest,
  type EmulatorResponse,
} from "../shared/emulator-server.ts";
import { type AccessOptions, maySendTelemetry } from "./access.ts";
import { controlRoutes } from "./control.ts";
import { errorAnswer } from "./error-answers.ts";
import { answerLive, type LiveMetrics } from "./live-metrics.ts";
import { type LogSettings, usualLogSettings } from "./log-table.ts";
import { answerQuery, type QueryEndpoint, type QueryRecord } from "./query-endpoint.ts";
import { answerTrack, refuseTrack, type StoredEnvelope } from "./telemetry.ts";

export { faultAnswers } from "./error-answers.ts";
export type { LogSettings, RowMatch } from "./log-table.ts";
export type { Envelope, StoredEnvelope, TelemetryTable } from "./telemetry.ts";

interface AzureMonitorOptions extends AccessOptions {
  /** 0: any free port. */
  port: number;
  /** Valid for the names in `queryHosts` and for the host of the connection string's IngestionEndpoint. */
  tls: TlsIdentity;
  workspaceId: string;
  /** The vault's own audit log, read again for each query. */
  audit: readonly AuditEvent[];
  /** Settings of the log at the start. */
  log?: Partial<LogSettings>;
  /** Milliseconds since 1970; for tests of lag. */
  now?: () => number;
}

export interface AzureMonitorEmulator extends Emulator {
  /** A change to this object takes effect with the next query. */
  log: LogSettings;
  readers: string[];
  /** Operations: `query`, `track` and `live`. */
  behaviour: Behaviour;
  queries: QueryRecord[];
  telemetry: StoredEnvelope[];
  liveMetrics: LiveMetrics;
  control: ControlRoute[];
}

/** Host names of the query API: the SDK's default, and its successor. */
export const queryHosts = ["api.loganalytics.io", "api.loganalytics.azure.com"];

export async function startAzureMonitor(options: AzureMonitorOptions): Promise<AzureMonitorEmulator> {
  const { port, tls, log = {}, now = Date.now, ...rest } = options;
  const settings: LogSettings = { ...usualLogSettings, cut: [], ...log };
  const behaviour: Behaviour = { latencyMs: 0, faults: [] };
  const telemetry: StoredEnvelope[] = [];
  const liveMetrics: LiveMetrics = { isWatched: false, pings: 0, samples: [] };
  const endpoint: QueryEndpoint = { ...rest, settings, now, queries: [] };
  const handler = async (request: EmulatorRequest): Promise<EmulatorResponse> => {
    const operation = operationOf(request);
    if (operation === undefined) return errorAnswer(404, "PathNotFoundError", "The requested path does not exist");
    const fault = await applyBehaviour(behaviour, operation);
    if (fault !== undefined) return fault;
    if (operation === "query") return answerQuery(endpoint, request);
    if (!(await maySendTelemetry(endpoint, request.headers.authorization))) {
      return refuseTrack("Authentication is required, and the token must be valid");
    }
    return operation === "live" ? answerLive(liveMetrics, request) : answerTrack(telemetry, request);
  };
  const emulator = await createEmulator({ port, tls, handler });
  const { readers, queries } = endpoint;
  const parts = { log: settings, behaviour, readers, queries, telemetry, liveMetrics };
  return Object.assign(emulator, parts, { control: controlRoutes(parts) });
}

function operationOf({ method, url }: EmulatorRequest): "query" | "track" | "live" | undefined {
  if (method !== "POST") return undefined;
  if (/^\/QuickPulseService\.svc\/(ping|post)$/.test(url.pathname)) return "live";
  if (/^\/v2(\.1)?\/track$/.test(url.pathname)) return "track";
  return /^\/v1\/workspaces\/[^/]+\/query$/.test(url.pathname) ? "query" : undefined;
}
