/**
 * The limits of the platform: those of the host, of its web server and of its supervision of the worker. The values
 * were measured on host 4.1037 unless a vendor page is named. Tests shorten the times.
 */
import type { HostJson } from "./host-json.ts";

/** Times in milliseconds, sizes in bytes. */
export interface Limits {
  /** For function registration and the hooks of the start. */
  loadMs: number;
  /** From the first byte of a connection or a request to the end of its headers. Then 408. */
  headersMs: number;
  /** How long a body may stall before `minBodyBytesPerSecond` applies. */
  bodyGraceMs: number;
  minBodyBytesPerSecond: number;
  maxBodyBytes: number;
  /** The request line with its CRLF. A longer one gets 414. */
  maxRequestLineBytes: number;
  /** All header lines with their CRLF. More gets 431. */
  maxHeaderBytes: number;
  maxHeaderCount: number;
  /** A stopping host closes connections that have been idle for this long. */
  idleGraceMs: number;
  /** Connections that are still open this long after SIGTERM are reset. */
  connectionDrainMs: number;
  /** The time that invocations have after the connections have ended. */
  invocationDrainMs: number;
  /** From the request to end until the kill: the time that `appTerminate` has. */
  terminateMs: number;
  /** From the end of `functionTimeout` to the answer, and then to the end of the worker. */
  timeoutGraceMs: number;
  /** The number of worker crashes at which the host stops. */
  maxCrashes: number;
}

export const azureLimits: Limits = {
  loadMs: 120_000,
  headersMs: 30_000,
  bodyGraceMs: 5_000,
  minBodyBytesPerSecond: 240,
  maxBodyBytes: 100 * 1024 * 1024,
  maxRequestLineBytes: 8 * 1024,
  maxHeaderBytes: 32 * 1024,
  maxHeaderCount: 100,
  idleGraceMs: 500,
  connectionDrainMs: 30_000,
  invocationDrainMs: 10_000,
  terminateMs: 5_000,
  timeoutGraceMs: 12_000,
  maxCrashes: 3,
};

/** Reads the limits that differ, as JSON. @throws Error for an unknown name or a value that is not a number. */
export function parseLimits(text: string): Limits {
  const limits: Limits = { ...azureLimits };
  for (const [name, value] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
    if (!Object.hasOwn(limits, name) || typeof value !== "number") throw new Error(`--limits: bad entry "${name}"`);
    limits[name as keyof Limits] = value;
  }
  return limits;
}

export interface RequestLimits {
  maxConcurrent: number;
  /** Running and waiting together. Requests above this number are refused. */
  maxOutstanding: number;
}

/** Defaults of the consumption plans (learn.microsoft.com, host.json reference, `extensions.http`); -1 is unbounded. */
export function requestLimits({ extensions }: HostJson): RequestLimits {
  const bound = (value: number) => (value === -1 ? Number.POSITIVE_INFINITY : value);
  return {
    maxConcurrent: bound(extensions?.http?.maxConcurrentRequests ?? 100),
    maxOutstanding: bound(extensions?.http?.maxOutstandingRequests ?? 200),
  };
}
