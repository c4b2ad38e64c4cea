/**
 * Live metrics (`/QuickPulseService.svc`): instances ask every few seconds whether somebody looks, and send a sample each
 * second while that is so. No filters, and no documents are asked for beyond those that a client sends anyway.
 */
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";

export interface LiveMetrics {
  /** Whether somebody has the page open. Changed in place it holds from the next question on. */
  isWatched: boolean;
  /** How often an instance has asked. */
  pings: number;
  /** The last samples, oldest first. */
  samples: unknown[];
}

const keptSamples = 600;

export function answerLive(live: LiveMetrics, { url, body }: EmulatorRequest): EmulatorResponse {
  const headers = { "x-ms-qps-subscribed": `${live.isWatched}`, "x-ms-qps-configuration-etag": "1" };
  if (url.pathname.endsWith("/post")) {
    live.samples.push(...(JSON.parse(body.toString("utf8")) as unknown[]));
    live.samples.splice(0, Math.max(0, live.samples.length - keptSamples));
  } else live.pings += 1;
  return { status: 200, headers, body: { ETag: "1", Metrics: [], DocumentStreams: [] } };
}
