/**
 * Decides which requests the console accepts: only those of its own page, in a browser on this machine. A host name
 * that an attacker resolves to this machine (DNS rebinding) is not one of ours, and another site's form or script has a
 * different Origin or does not send JSON.
 */
import type { IncomingMessage } from "node:http";

export const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Undefined if the request is accepted. Otherwise the status and how to fix the request. */
export function refusalOf(request: IncomingMessage, port: number): { status: number; error: string } | undefined {
  const { host, origin, "content-type": contentType, "sec-fetch-site": site } = request.headers;
  const hosts = [`localhost:${port}`, `127.0.0.1:${port}`];
  if (host === undefined || !hosts.includes(host)) {
    return { status: 403, error: `the console is at http://localhost:${port} only` };
  }
  if (request.method === "GET") {
    const isForeign = site !== undefined && site !== "same-origin" && site !== "none";
    const isPage = new URL(request.url ?? "/", "http://localhost").pathname === "/";
    return isForeign && !isPage ? { status: 403, error: "other sites may not read this" } : undefined;
  }
  if (request.method !== "POST") return { status: 405, error: "GET or POST" };
  if (origin !== `http://${host}`) return { status: 403, error: "only the console's own page may do this" };
  if (contentType?.split(";")[0]?.trim().toLowerCase() !== "application/json") {
    return { status: 415, error: "send JSON" };
  }
  return undefined;
}
