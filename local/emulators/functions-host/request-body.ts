/** Reads a request's whole body, within the size and speed limits of the web server. */
import type { IncomingMessage } from "node:http";
import type { Limits } from "./platform.ts";

/** The body is too large or too slow. The real host answers 500 to both. */
export class BodyRefused extends Error {}

/**
 * Undefined if the request has no content-length above 0: the real host reads no other body, so never a chunked one.
 * @throws BodyRefused
 */
export async function readBody(request: IncomingMessage, limits: Limits): Promise<Buffer | undefined> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (!(length > 0)) return undefined;
  if (length > limits.maxBodyBytes) throw new BodyRefused(`the body has more than ${limits.maxBodyBytes} bytes`);
  const startedAt = performance.now();
  let received = 0;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const watch = setInterval(() => {
      const elapsedMs = performance.now() - startedAt;
      if (elapsedMs <= limits.bodyGraceMs || (received * 1000) / elapsedMs >= limits.minBodyBytesPerSecond) return;
      clearInterval(watch);
      reject(new BodyRefused("the body comes too slowly"));
    }, limits.bodyGraceMs / 10);
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
      chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
    request.on("close", () => {
      clearInterval(watch);
      reject(new Error("the connection ended before the body"));
    });
  });
}
