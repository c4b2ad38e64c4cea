/**
 * Between Node's HTTP messages and those of the programming model, by the rules of the real host: the body reaches
 * the function only where the request has a content-length (never when it is chunked), header names are lower case,
 * and values that occur more than once are joined by a comma. Content negotiation is not done.
 */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from "node:http";
import type { RpcCookie, RpcHttpRequest, RpcHttpResponse, RpcTypedData, TraceContext } from "./rpc-types.ts";

/** The request target, taken apart. */
export interface Target {
  path: string;
  search: string;
}

/** Undefined for a target that is no path, as in `OPTIONS *`. */
export function parseTarget(url: string): Target | undefined {
  if (!url.startsWith("/")) {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined;
    const { pathname, search } = new URL(url);
    return { path: pathname, search };
  }
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const search = mark < 0 ? "" : url.slice(mark);
  // Dot segments are resolved before routing, so that they cannot lead around a route.
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
    url: `${scheme}://${request.headers.host ?? "localhost"}${target.path}${target.search}`,
    headers: headersOf(request.rawHeaders),
    query: target.search === "" ? {} : queryOf(target.search),
    params,
    ...(body && { body: { bytes: body } }),
  };
}

/** Only where the caller sent one; this host starts no trace of its own. */
export function traceContextOf({ headers }: IncomingMessage): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== "string") return undefined;
  return { traceParent: traceparent, traceState: typeof tracestate === "string" ? tracestate : "", attributes: {} };
}

function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase();
    const value = raw[index + 1] as string;
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

/** Set by Node for the connection at hand. */
const ownedByServer = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"]);

export function sendRpcResponse(response: ServerResponse, value: RpcTypedData | null | undefined): void {
  if (value?.http) sendHttp(response, value.http);
  // The handler returned nothing.
  else sendEmpty(response, 204);
}

function sendHttp(response: ServerResponse, http: RpcHttpResponse): void {
  const headers: Record<string, OutgoingHttpHeader> = {};
  for (const name in http.headers) {
    if (!ownedByServer.has(name)) headers[name] = http.headers[name] as string;
  }
  if (http.cookies.length > 0) {
    const own = headers["set-cookie"] === undefined ? [] : [String(headers["set-cookie"])];
    headers["set-cookie"] = [...own, ...http.cookies.map(formatCookie)];
  }
  const body = bytesOf(http.body);
  const status = Number(http.statusCode);
  if (status !== 204 && status !== 304) headers["content-length"] = body.length;
  response.writeHead(status, headers);
  response.end(body);
}

export function sendEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status, status === 204 ? {} : { "content-length": 0 });
  response.end();
}

function bytesOf(body: RpcTypedData | null | undefined): Uint8Array {
  return body?.bytes ?? Buffer.from(body?.string ?? body?.json ?? "");
}

function formatCookie(cookie: RpcCookie): string {
  const parts = [`${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}`];
  if (cookie.expires) parts.push(`expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`);
  if (cookie.maxAge) parts.push(`max-age=${Math.trunc(cookie.maxAge.value)}`);
  if (cookie.domain) parts.push(`domain=${cookie.domain.value}`);
  parts.push(`path=${cookie.path?.value ?? "/"}`);
  if (cookie.secure?.value) parts.push("secure");
  if (cookie.sameSite && cookie.sameSite !== "none") {
    parts.push(`samesite=${cookie.sameSite === "explicitNone" ? "none" : cookie.sameSite}`);
  }
  if (cookie.httpOnly?.value) parts.push("httponly");
  return parts.join("; ");
}
