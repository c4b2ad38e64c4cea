/**
 * Live metrics (`/QuickPulseService.svc`): instances ask every few seconds whether the page is open, and send a sample
 * each second while it is. There are no filters, and clients are asked for no documents beyond those they send anyway.
 */
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";

export interface LiveMetrics {
  /** Whether the page is open. A change takes effect with the next ping. */
  isWatched: boolean;
  /** How many times instances have asked. */
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
