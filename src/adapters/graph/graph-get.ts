import { setTimeout as sleep } from "node:timers/promises";
import type { TokenCredential } from "@azure/identity";
import { ApplicationDirectoryError } from "../../domain/credentials/ports.ts";
import { errorClass, parseRetryAfter } from "../azure/error.ts";
import { fetchWithToken } from "../azure/refused-token.ts";

/** Graph's answer about one application is a few kilobytes. */
const maxBytes = 1_048_576;
/** Used if the service is busy and sends no `Retry-After`. */
const defaultRetrySeconds = 1;
/** A longer `Retry-After` is not waited for; a later run asks again. */
const longestRetrySeconds = 15;

/** State that the requests to one service share. */
export interface GraphState {
  clock: () => number;
  /** End of the service's `Retry-After`, milliseconds since 1970. */
  announcedUntilMs: number;
}

/** The answer's JSON, or undefined for a 404. */
export type GraphGet = (pathOrLink: string) => Promise<unknown>;

/**
 * GET of Microsoft Graph v1.0 with our token, which is sent to `host` only. Redirects are not followed, and a link from
 * an answer is followed only if it stays on that host and version (T8: a forged link would leak the token). Retries
 * once after a 429 or 5xx, within the deadline of `signal` and never before the time of a `Retry-After` (RFC 9110
 * §10.2.3).
 * @throws ApplicationDirectoryError
 */
export function createGraphGet(
  host: string,
  credential: TokenCredential,
  signal: AbortSignal,
  state: GraphState,
): GraphGet {
  const prefix = `https://${host}/v1.0/`;

  async function send(url: string): Promise<Response> {
    const token = await requestToken(host, credential, signal);
    const get = (bearer: string) =>
      fetch(url, {
        headers: { authorization: `Bearer ${bearer}`, accept: "application/json" },
        ...{ redirect: "manual", signal },
      });
    try {
      return await fetchWithToken(credential, token, get);
    } catch (error) {
      throw unavailable(error, signal);
    }
  }

  return async (pathOrLink) => {
    const url = URL.parse(pathOrLink, prefix)?.href;
    if (!url?.startsWith(prefix)) throw unexpected("link");
    if (state.clock() < state.announcedUntilMs) throw new ApplicationDirectoryError("graph_throttled", "announced");
    let response = await send(url);
    const retrySeconds = retrySecondsOf(response, state.clock());
    if (retrySeconds > longestRetrySeconds && Number.isFinite(retrySeconds)) {
      state.announcedUntilMs = state.clock() + 1000 * retrySeconds;
    } else if (retrySeconds <= longestRetrySeconds) {
      await discard(response);
      await wait(retrySeconds, signal);
      response = await send(url);
    }
    if (response.status === 200) return parse(await readText(response, signal));
    await discard(response);
    if (response.status === 404) return undefined;
    throw refusal(response.status);
  };
}

async function requestToken(host: string, credential: TokenCredential, signal: AbortSignal): Promise<string> {
  try {
    const answer = await credential.getToken(`https://${host}/.default`, { abortSignal: signal });
    if (answer) return answer.token;
  } catch (error) {
    if (signal.aborted) throw new ApplicationDirectoryError("graph_timed_out", "token");
    throw new ApplicationDirectoryError("graph_token_unavailable", errorClass(error));
  }
  throw new ApplicationDirectoryError("graph_token_unavailable");
}

/** Seconds until a retry; infinite if a retry would not help. */
function retrySecondsOf({ status, headers }: Response, nowMs: number): number {
  if (status !== 429 && status < 500) return Number.POSITIVE_INFINITY;
  return parseRetryAfter(headers.get("retry-after"), nowMs) ?? defaultRetrySeconds;
}

async function wait(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal }).catch((error) => {
    throw unavailable(error, signal);
  });
}

async function readText({ body }: Response, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw unexpected("size");
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof ApplicationDirectoryError ? error : unavailable(error, signal);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected("json");
  }
}

/** An unread body would keep its connection. */
async function discard({ body }: Response): Promise<void> {
  await body?.cancel().catch(() => {});
}

function refusal(status: number): ApplicationDirectoryError {
  const code =
    status === 401 || status === 403
      ? "graph_forbidden"
      : status === 429
        ? "graph_throttled"
        : status >= 500
          ? "graph_unavailable"
          : "graph_answer_unexpected";
  return new ApplicationDirectoryError(code, String(status));
}

function unavailable(error: unknown, signal: AbortSignal): ApplicationDirectoryError {
  return new ApplicationDirectoryError(signal.aborted ? "graph_timed_out" : "graph_unavailable", errorClass(error));
}

/**
 * The error for an answer that differs from Graph's documentation. `because`: our own name for the cause, never text
 * from the answer.
 */
export function unexpected(because: string): ApplicationDirectoryError {
  return new ApplicationDirectoryError("graph_answer_unexpected", because);
}
