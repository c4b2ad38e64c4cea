import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";

export interface Load {
  url: string;
  method?: "GET" | "POST";
  headers?: Record<string, string>;
  body?: string;
  connections: number;
  seconds: number;
  /** Requests a second over all connections. Absent: as many as are answered. */
  perSecond?: number;
}

/** Latencies in milliseconds. */
export interface LoadResult {
  requestsPerSecond: number;
  meanMs: number;
  p50: number;
  p99: number;
  /** Answers other than 2xx, and requests without an answer. */
  failed: number;
}

const autocannon = createRequire(import.meta.url).resolve("autocannon/autocannon.js");

/** Sends load from a separate process, so that neither the measured process nor the emulators spend time on it. */
export async function load({
  url,
  method = "GET",
  headers = {},
  body,
  connections,
  seconds,
  perSecond,
}: Load): Promise<LoadResult> {
  const args = [autocannon, "--json", "--no-progress", "-c", `${connections}`, "-d", `${seconds}`, "-m", method];
  for (const [name, value] of Object.entries(headers)) args.push("-H", `${name}=${value}`);
  if (perSecond !== undefined) args.push("-R", `${perSecond}`);
  if (body !== undefined) args.push("-b", body);
  const { stdout } = await promisify(execFile)(process.execPath, [...args, url], { maxBuffer: 64 * 1024 * 1024 });
  const { requests, latency, non2xx, errors } = JSON.parse(stdout) as Report;
  return {
    requestsPerSecond: requests.average,
    meanMs: latency.average,
    p50: latency.p50,
    p99: latency.p99,
    failed: non2xx + errors,
  };
}

interface Report {
  requests: { average: number };
  latency: { average: number; p50: number; p99: number };
  non2xx: number;
  errors: number;
}
