/**
 * Fetches the identity provider's documents over HTTPS with a closed set of roots, and refuses everything else.
 *
 * It protects against attackers on the network path: a proxy that opens TLS, a root added to the machine, the image or
 * the environment (NODE_EXTRA_CA_CERTS, NODE_USE_SYSTEM_CA, SSL_CERT_FILE, tls.setDefaultCACertificates), disabled
 * verification (NODE_TLS_REJECT_UNAUTHORIZED=0), a redirect to another host, and answers that exhaust resources or are
 * misread (endless, slow, compressed, truncated).
 *
 * It does not read the body, stores nothing, does not retry, and does not check revocation (OCSP, CRL).
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
  /** PEM, one certificate each: the only trusted certificate authorities. Checked again here. */
  roots: readonly string[];
  /** Exact host names, in lower case. */
  allowedHosts: ReadonlySet<string>;
  /** Milliseconds for a whole exchange: name lookup, connection, TLS, headers, body. */
  deadlineMs?: number;
  /** For tests: resolves host names. */
  lookup?: LookupFunction;
  /** For tests: the port to connect to instead of 443. URLs never have a port. */
  port?: number;
}

interface ConditionsOfGet {
  /** ETag of the body that the caller already has. It is not sent if it is not an entity-tag (RFC 9110 §8.8.3). */
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

/** Refusals are values. It throws only on programming errors. */
type PinnedGet = (url: string, conditions?: ConditionsOfGet) => Promise<PinnedResult>;

const presetDeadlineMs = 10_000;
const maxBodyBytes = 1_048_576;
/** Node's default, set here so that NODE_OPTIONS cannot change it. */
const maxHeaderBytes = 16_384;

/**
 * Creates a function that makes GET requests with the given roots, to the allowed hosts only. It never rejects.
 * @throws TrustedRootsError if the roots are not usable, RangeError if no host is allowed
 */
export function createPinnedFetch(options: PinnedFetchOptions): PinnedGet {
  const { deadlineMs = presetDeadlineMs, lookup, port = 443 } = options;
  // Throws on an empty list, because Node interprets an empty `ca` as its default store.
  const ca = parseTrustedRoots(options.roots.join(""), Date.now());
  const allowedHosts = new Set(options.allowedHosts);
  if (allowedHosts.size === 0) throw new RangeError("there is no host to fetch from");
  // An agent of our own: the global one may use a proxy. TLS sessions are not kept, because Node does not check the
  // server's name in a resumed session. `rejectUnauthorized` is set, because the environment can change its default.
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

/**
 * Accepts only URLs that stay the same when parsed and serialized, so that no two parsers can interpret them
 * differently.
 */
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

/**
 * The progress of an exchange. The same error code has different meanings before and after the server is authenticated.
 */
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
    /** Only the first result counts. Later ones result from closing the connection. */
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
  // A body that is delimited by the end of the connection could be truncated by an attacker.
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

/** Accepts only IMF-fixdate, which senders must use (RFC 9110 §5.6.7). */
function readHttpDate(text: string | undefined): string | undefined {
  const isDate = text !== undefined && /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text);
  return isDate ? text : undefined;
}

/** Network failures. During the handshake every other error means that the server did not authenticate itself. */
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

/**
 * The error's code, which is a word from a fixed list. Messages are not passed on, because they contain host names and
 * received data.
 */
function codeOf({ code }: NodeJS.ErrnoException): string {
  return typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code) ? code : "UNKNOWN";
}
