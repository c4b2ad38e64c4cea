/**
 * Sends answers with the framing of the real host: a body is chunked unless the function sets its length, an empty body
 * has length 0, and a wrong length becomes a 500. There is no content negotiation.
 */
import { type OutgoingHttpHeader, type ServerResponse, STATUS_CODES } from "node:http";
import type { RpcCookie, RpcHttpResponse, RpcTypedData } from "./rpc-types.ts";

export const serverName = "Kestrel";

/**
 * Header names that Kestrel writes in its own spelling over HTTP/1.1, whatever the function wrote (its list of known
 * response headers). All others keep the function's spelling, which the worker's library has already converted to lower
 * case.
 */
const spellings = new Map(
  [
    ...["Accept-Ranges", "Age", "Allow", "Alt-Svc", "Cache-Control", "Content-Encoding", "Content-Language"],
    ...[
      "Content-Length",
      "Content-Location",
      "Content-MD5",
      "Content-Range",
      "Content-Type",
      "Date",
      "ETag",
      "Expires",
    ],
    ...["Last-Modified", "Location", "Pragma", "Proxy-Authenticate", "Retry-After", "Server", "Set-Cookie", "Trailer"],
    ...["Vary", "Via", "Warning", "WWW-Authenticate", "Access-Control-Allow-Credentials"],
    ...["Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin"],
    ...["Access-Control-Expose-Headers", "Access-Control-Max-Age"],
  ].map((name) => [name.toLowerCase(), name]),
);

/** These headers belong to the connection, so a function cannot set them. */
const ownedByServer = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade"]);

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
  const length = headers["content-length"];
  const isHead = response.req.method === "HEAD";
  if (length !== undefined && Number(length) !== body.length && !isHead) {
    sendEmpty(response, 500);
    return;
  }
  if (body.length === 0 && !isHead && status !== 204 && status !== 304) headers["content-length"] = 0;
  // After the head is written, Node sends a body of unknown length in chunks.
  response.writeHead(status, spelt(headers));
  response.end(body);
}

export function sendEmpty(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, status === 204 ? headers : { ...headers, "content-length": 0 });
  response.end();
}

export function sendText(response: ServerResponse, contentType: string, text: string): void {
  response.writeHead(200, { "content-type": contentType });
  response.end(text);
}

/** The whole answer to a request that could not be parsed. The connection ends with it. */
export function rawAnswer(status: number): string {
  const date = new Date().toUTCString();
  const headers = `Content-Length: 0\r\nConnection: close\r\nDate: ${date}\r\nServer: ${serverName}`;
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}\r\n\r\n`;
}

function spelt(headers: Record<string, OutgoingHttpHeader>): Record<string, OutgoingHttpHeader> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [spellings.get(name) ?? name, value]));
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
