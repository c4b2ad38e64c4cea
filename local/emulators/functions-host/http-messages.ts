/**
 * Converts Node's requests to those of the programming model, by the rules of the real host: header names are lower
 * case, values are UTF-8, and values that occur more than once are joined by a comma.
 */
import type { IncomingMessage } from "node:http";
import { decodeUtf8 } from "./request-checks.ts";
import { canonicalPath } from "./request-path.ts";
import type { RpcHttpRequest, TraceContext } from "./rpc-types.ts";

/** The parts of the request target. */
export interface Target {
  path: string;
  search: string;
}

/** Undefined for a target that is not a path, as in `OPTIONS *`. */
export function parseTarget(url: string): Target | undefined {
  if (!url.startsWith("/")) {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined;
    const { pathname, search } = new URL(url);
    return { path: pathname, search };
  }
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const search = mark < 0 ? "" : url.slice(mark);
  // Dot segments are resolved before routing, so that they cannot bypass a route.
  return { path: /\/\.|%2e/i.test(path) ? new URL(`http://localhost${path}`).pathname : path, search };
}

export function toRpcRequest(
  request: IncomingMessage,
  scheme: string,
  target: Target,
  params: Record<string, string>,
  body: Buffer | undefined,
): RpcHttpRequest {
  return {
    method: request.method ?? "GET",
    url: `${scheme}://${decodeUtf8(request.headers.host ?? "")}${canonicalPath(target.path)}${target.search}`,
    headers: headersOf(request.rawHeaders),
    query: target.search === "" ? {} : queryOf(target.search),
    params,
    ...(body && { body: { bytes: body } }),
  };
}

/** Defined only if the caller sent one; this host starts no trace of its own. */
export function traceContextOf({ headers }: IncomingMessage): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== "string") return undefined;
  return { traceParent: traceparent, traceState: typeof tracestate === "string" ? tracestate : "", attributes: {} };
}

function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase();
    const value = decodeUtf8(raw[index + 1] as string);
    const earlier = headers[name];
    headers[name] = earlier === undefined ? value : `${earlier},${value}`;
  }
  return headers;
}

function queryOf(search: string): Record<string, string> {
  const query: Record<string, string> = {};
  const spelling = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(search)) {
    const name = spelling.get(key.toLowerCase());
    if (name === undefined) {
      spelling.set(key.toLowerCase(), key);
      query[key] = value;
    } else query[name] += `,${value}`;
  }
  return query;
}
