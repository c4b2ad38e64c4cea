/**
 * Sending answers as the real host frames them: a body is chunked unless the function sets its length, an empty one
 * has length 0, and a length that is wrong becomes a 500. Content negotiation is not done.
 */
import { type OutgoingHttpHeader, type ServerResponse, STATUS_CODES } from "node:http";
import type { RpcCookie, RpcHttpResponse, RpcTypedData } from "./rpc-types.ts";

export const serverName = "Kestrel";

/** Belong to the connection at hand, so a function cannot set them. */
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
  // Once the head is written, Node frames a body of unknown length in chunks.
  response.writeHead(status, headers);
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

/** The whole answer to a request that could not be parsed; the connection ends with it. */
export function rawAnswer(status: number): string {
  const date = new Date().toUTCString();
  const headers = `Content-Length: 0\r\nConnection: close\r\nDate: ${date}\r\nServer: ${serverName}`;
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}\r\n\r\n`;
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
