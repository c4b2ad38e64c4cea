/**
 * Fetches documents of the identity provider over HTTPS under a closed set of roots, and refuses everything else.
 *
 * Against whoever is on the way: a proxy that opens TLS, a root added to the machine, the image or the environment
 * (NODE_EXTRA_CA_CERTS, NODE_USE_SYSTEM_CA, SSL_CERT_FILE, tls.setDefaultCACertificates), verification switched off
 * (NODE_TLS_REJECT_UNAUTHORIZED=0), a redirect to elsewhere, and answers made to exhaust us or to pass as something
 * else (endless, slow, compressed, cut off).
 *
 * It does not look into the body, does not keep anything, does not retry, and does not ask for revocation (OCSP, CRL).
 */

import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { LookupFunction } from "node:net";
import type { TLSSocket } from "node:tls";
import type { TransportRefusal } from "../../domain/metadata/transport-refusal.ts";
import { ok, type Result, refuse } from "../../domain/shared/result.ts";
import { parseTrustedRoots } from "./trusted-roots.ts";
import { type Chain, verifiedChain } from "./verified-chain.ts";

export interface PinnedFetchOptions {
  /** PEM, one certificate each: the only authorities that may vouch for a host. Checked again here. */
  roots: readonly string[];
  /** Exact host names, in lower case. */
  allowedHosts: ReadonlySet<string>;
  /** Milliseconds for all of one exchange: name, connection, TLS, headers, body. */
  deadlineMs?: number;
  /** For tests: where names lead to. */
  lookup?: LookupFunction;
  /** For tests: the port that is connected to instead of 443. URLs have none in either case. */
  port?: number;
}

interface ConditionsOfGet {
  /** Of the body that the caller has. One that is not an entity-tag (RFC 9110 §8.8.3) is not sent. */
  etag?: string | undefined;
  signal?: AbortSignal;
}

type PinnedAnswer =
  | {
      status: 200;
      body: Uint8Array;
      chain: Chain;
      etag?: string;
      /** HTTP dates (RFC 9110 §5.6.7), as sent. */
      lastModified?: string;
      date?: string;
    }
  | { status: 304; chain: Chain };

type PinnedResult = Result<PinnedAnswer, TransportRefusal>;

/** Refusals are values; it throws nothing but programming errors. */
type PinnedGet = (url: string, conditions?: ConditionsOfGet) => Promise<PinnedResult>;

const presetDeadlineMs = 10_000;
const maxBodyBytes = 1_048_576;
/** Node's default, set here so that NODE_OPTIONS cannot change it. */
const maxHeaderBytes = 16_384;

/**
 * GET under the given roots from the allowed hosts only. The function that it returns never rejects.
 * @throws TrustedRootsError where the roots are not usable. RangeError where no host is allowed.
 */
export function createPinnedFetch(options: PinnedFetchOptions): PinnedGet {
  const { deadlineMs = presetDeadlineMs, lookup, port = 443 } = options;
  // Throws on an empty list: Node takes an empty `ca` for its default store.
  const ca = parseTrustedRoots(options.roots.join(""), Date.now());
  const allowedHosts = new Set(options.allowedHosts);
  if (allowedHosts.size === 0) throw new RangeError("there is no host to fetch from");
  // An agent of our own: the global one may use a proxy. TLS sessions are not kept, since Node does not check the server's
  // name in a resumed one. `rejectUnauthorized` is set since the environment can change its default.
  const agent = new Agent({
    ca,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    maxCachedSessions: 0,
    lookup,
  });

  return async (url, { etag, signal } = {}) => {
    const target = parseTarget(url, allowedHosts);
    if (!target.ok) return target;
    return exchange({ target: target.value, etag: readEntityTag(etag), signal, agent, port, deadlineMs });
  };
}

/** Only what stays the same when it is read and written again: nothing that two parsers could read in two ways. */
function parseTarget(url: string, allowedHosts: ReadonlySet<string>): Result<URL, TransportRefusal> {
  const target = URL.parse(url);
  const isCanonical = target !== null && target.href === url && target.protocol === "https:" && target.port === "";
  if (!isCanonical || target.username !== "" || target.password !== "" || url.includes("#")) {
    return refuse({ reason: "url_not_allowed" });
  }
  return allowedHosts.has(target.hostname) ? ok(target) : refuse({ reason: "host_not_allowed" });
}

interface Exchange {
  target: URL;
  etag: string | undefined;
  signal: AbortSignal | undefined;
  agent: Agent;
  port: number;
  deadlineMs: number;
}

/** How far an exchange came: the same error code means something else before and after the server proved itself. */
type Phase = "connect" | "handshake" | "headers" | "body";

function exchange({ target, etag, signal, agent, port, deadlineMs }: Exchange): Promise<PinnedResult> {
  if (signal?.aborted) return Promise.resolve(refuse({ reason: "cancelled" }));
  return new Promise((resolve) => {
    let phase: Phase = "connect";
    const sent = request({
      agent,
      host: target.hostname,
      port,
      path: `${target.pathname}${target.search}`,
      headers: {
        host: target.hostname,
        accept: "*/*",
        "accept-encoding": "identity",
        ...(etag === undefined ? {} : { "if-none-match": etag }),
      },
      insecureHTTPParser: false,
      maxHeaderSize: maxHeaderBytes,
    });
    /** The first result counts; whatever comes after it, comes from the connection being closed. */
    const settle = (result: PinnedResult) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      sent.destroy();
      resolve(result);
    };
    const fail = (error: Error) => settle(refuse(refusalOf(error, phase)));
    const cancel = () => settle(refuse({ reason: "cancelled" }));
    const timer = setTimeout(() => settle(refuse({ reason: "timed_out" })), deadlineMs);
    signal?.addEventListener("abort", cancel);
    sent.on("error", fail);
    sent.on("socket", (socket) => {
      socket.once("connect", () => {
        phase = "handshake";
      });
      socket.once("secureConnect", () => {
        phase = "headers";
      });
    });
    sent.on("upgrade", ({ statusCode }, socket) => {
      socket.destroy();
      settle(refuse({ reason: "status_not_accepted", status: Number(statusCode) }));
    });
    sent.on("response", (response) => {
      phase = "body";
      response.on("error", fail);
      const chain = verifiedChain(response.socket as TLSSocket);
      if (chain === undefined) return settle(refuse({ reason: "tls_not_trusted", code: "NOT_VERIFIED" }));
      if (response.statusCode === 304 && etag !== undefined) return settle(ok({ status: 304, chain }));
      const refusal = refusalOfHeaders(response);
      if (refusal !== undefined) return settle(refuse(refusal));
      readBody(response, (body) => settle(body.ok ? ok(answerOf(response, body.value, chain)) : body));
    });
    sent.end();
  });
}

function refusalOfHeaders({ statusCode, headers }: IncomingMessage): TransportRefusal | undefined {
  if (statusCode !== 200) return { reason: "status_not_accepted", status: Number(statusCode) };
  const { "transfer-encoding": transfer, "content-encoding": content, "content-length": length } = headers;
  if (content !== undefined || (transfer !== undefined && transfer.toLowerCase() !== "chunked")) {
    return { reason: "encoded" };
  }
  // A body that ends with the connection ends wherever somebody cuts it.
  if (length === undefined && transfer === undefined) return { reason: "truncated" };
  return Number(length) > maxBodyBytes ? { reason: "too_large" } : undefined;
}

function readBody(response: IncomingMessage, done: (body: Result<Uint8Array, TransportRefusal>) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) done(refuse({ reason: "too_large" }));
    else chunks.push(chunk);
  });
  response.on("end", () => {
    done(response.complete ? ok(new Uint8Array(Buffer.concat(chunks))) : refuse({ reason: "truncated" }));
  });
}

function answerOf({ headers }: IncomingMessage, body: Uint8Array, chain: Chain): PinnedAnswer {
  const etag = readEntityTag(headers.etag);
  const lastModified = readHttpDate(headers["last-modified"]);
  const date = readHttpDate(headers.date);
  return {
    status: 200,
    body,
    chain,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(date === undefined ? {} : { date }),
  };
}

/** RFC 9110 §8.8.3, without the obsolete bytes above 0x7f. */
function readEntityTag(text: string | undefined): string | undefined {
  return text !== undefined && /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/.test(text) ? text : undefined;
}

/** The one form that senders must use (IMF-fixdate, RFC 9110 §5.6.7). */
function readHttpDate(text: string | undefined): string | undefined {
  const isDate = text !== undefined && /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text);
  return isDate ? text : undefined;
}

/** What a network does by itself. In a handshake everything else is the other side's failure to prove itself. */
const networkCodes: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"]);

function refusalOf(error: Error, phase: Phase): TransportRefusal {
  const code = codeOf(error);
  if (phase === "connect") return { reason: "not_reachable", code };
  if (phase === "handshake") {
    return networkCodes.has(code) ? { reason: "not_reachable", code } : { reason: "tls_not_trusted", code };
  }
  if (code.startsWith("ERR_SSL_")) return { reason: "tls_not_trusted", code };
  if (code.startsWith("HPE_")) return { reason: "malformed", code };
  return phase === "body" ? { reason: "truncated" } : { reason: "not_reachable", code };
}

/** Codes are words of fixed lists. Messages are not passed on: they name hosts, and quote what was received. */
function codeOf({ code }: NodeJS.ErrnoException): string {
  return typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code) ? code : "UNKNOWN";
}
