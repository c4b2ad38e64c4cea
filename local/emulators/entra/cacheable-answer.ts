/**
 * The answer with a published document that may be cached: it has an ETag, and is a 304 for a client that has this
 * version.
 */
import { createHash } from "node:crypto";
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";

export function cacheableAnswer(body: string, contentType: string, request: EmulatorRequest): EmulatorResponse {
  const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
  const headers = { "cache-control": "max-age=86400, private", "access-control-allow-origin": "*", etag };
  if (request.headers["if-none-match"] === etag) return { status: 304, headers };
  return { status: 200, headers: { ...headers, "content-type": contentType }, body };
}
