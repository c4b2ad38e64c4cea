import { request } from "node:https";
import type { Network } from "./ports.ts";

/** An HTTPS GET without a token, to learn the address that was reached, the trust in its certificate, and its clock. */
export function createNetwork(): Network {
  return {
    reach: (host, signal) =>
      new Promise((resolve, reject) => {
        const sent = request({ host, servername: host, path: "/healthstatus", agent: false, signal });
        sent.once("error", reject);
        sent.once("response", (response) => {
          const dateMs = Date.parse(response.headers.date ?? "");
          const address = response.socket.remoteAddress ?? "";
          response.destroy();
          resolve({ address, dateMs: Number.isNaN(dateMs) ? undefined : dateMs });
        });
        sent.end();
      }),
  };
}

/** RFC 1918, RFC 4193, RFC 6598 and loopback. */
const privateAddress =
  /^(::ffff:)?(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)|^f[cd]/i;

/** The kind of an IP address: `this machine` (loopback), `private` or `public`. */
export function kindOfAddress(address: string): string {
  if (/^(::ffff:)?127\.|^::1$/.test(address)) return "this machine";
  return privateAddress.test(address) ? "private" : "public";
}
