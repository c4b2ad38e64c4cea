import { createHash } from "node:crypto";
import type { TokenCredential } from "@azure/identity";
import {
  type Answer,
  countEvents,
  keepLeft,
  leftAnswer,
  type PartlyTaken,
  type PolicyConfig,
  type Request,
  type Send,
} from "./request-items.ts";

/**
 * Delivers the exporter's requests to Application Insights. The exporter alone tries once, writes rejected records to
 * disk, sends one such file a minute, never aborts a hanging request, and drops requests if the identity has no token.
 * So each request is retried here for minutes. Only then is it returned to the exporter, which writes it to disk.
 */
export interface DeliveryOptions {
  /** Milliseconds that a request waits after its first, second ... failure. */
  retryDelaysMs: readonly number[];
  attemptWithinMs: number;
  /** Milliseconds for which requests are retried once the process may end. */
  drainWithinMs: number;
}

/**
 * A process that shuts down has only seconds left. Attempts are then short and in quick succession, until the rest is
 * written to disk.
 */
const drainAttemptMs = 1_000;
const drainDelayMs = 200;

/** Maximum number of requests that are remembered as already counted. */
const maxGivenUp = 1_000;

/** `lost` is called with the number of events that were not accepted in time or were rejected individually. */
export function createDelivery(
  { retryDelaysMs, attemptWithinMs, drainWithinMs }: DeliveryOptions,
  lost: (events: number) => void,
) {
  const underWay = new Set<Promise<unknown>>();
  const attempts = new Set<AbortController>();
  const pauses = new Set<() => void>();
  const givenUp = new Set<string>();
  let isDraining = false;
  let isOver = false;
  const cutAll = (them: Iterable<AbortController>) => {
    for (const cut of them) cut.abort();
  };
  const wakeAll = () => {
    for (const wake of pauses) wake();
  };

  /** Undefined: the work failed, or took too long. Resolves in time even if the work ignores the signal. */
  const attempt = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> => {
    const cut = new AbortController();
    attempts.add(cut);
    const withinMs = isDraining ? Math.min(attemptWithinMs, drainAttemptMs) : attemptWithinMs;
    const timer = setTimeout(() => cut.abort(), withinMs).unref();
    const aborted = new Promise<undefined>((resolve) => {
      cut.signal.addEventListener("abort", () => resolve(undefined));
    });
    try {
      return await Promise.race([work(cut.signal).catch(() => undefined), aborted]);
    } finally {
      clearTimeout(timer);
      attempts.delete(cut);
    }
  };
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        pauses.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, isDraining ? Math.min(ms, drainDelayMs) : ms).unref();
      pauses.add(wake);
    });
  /** Waits until the next attempt. False: there is none. */
  const nextAttempt = async (retries: number): Promise<boolean> => {
    const delayMs = retryDelaysMs[retries];
    if (isOver || (delayMs === undefined && !isDraining)) return false;
    await pause(delayMs ?? drainDelayMs);
    return true;
  };
  const deliver = async (request: Request, send: Send): Promise<Answer> => {
    let part: PartlyTaken | undefined;
    for (let retries = 0; ; retries++) {
      const answer = await attempt((signal) => {
        request.abortSignal = signal;
        return send(request);
      });
      if (answer?.status === 206) part = keepLeft(request, answer, part, lost);
      else if (answer !== undefined && answer.status < 400) return answer;
      if (part?.left.length === 0) return part.answer;
      if (!(await nextAttempt(retries))) return giveUp(request, part, answer);
    }
  };
  /**
   * Returns the request to the exporter, which keeps it on disk: all of it, or the records that the answer names. The
   * exporter sends those again, but they are counted as lost only once.
   */
  const giveUp = (request: Request, part: PartlyTaken | undefined, answer: Answer | undefined): Answer => {
    const hash = createHash("sha256").update(String(request.body)).digest("base64");
    if (!givenUp.has(hash)) lost(countEvents(request));
    if (givenUp.size >= maxGivenUp) givenUp.clear();
    givenUp.add(hash);
    if (part !== undefined) return leftAnswer(part);
    if (answer !== undefined) return answer;
    throw noAnswer("Application Insights");
  };
  /**
   * Retries the token here, because a policy runs only after the exporter has its token. Without a token the exporter
   * would drop the request.
   */
  const getToken = async (identity: TokenCredential, ...of: Parameters<TokenCredential["getToken"]>) => {
    for (let retries = 0; ; retries++) {
      const token = await attempt(() => identity.getToken(...of));
      if (token) return token;
      if (!(await nextAttempt(retries))) throw noAnswer("the identity");
    }
  };
  const track = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work);
    void work.catch(() => {}).then(() => underWay.delete(work));
    return work;
  };
  const policy: PolicyConfig["policy"] = {
    name: "keyholdDelivery",
    sendRequest: (request, send) => track(deliver(request, send)),
  };

  return {
    exporterOptions: {
      retryOptions: { maxRetries: 0 },
      additionalPolicies: [{ policy, position: "perCall" } satisfies PolicyConfig],
    },
    /** The identity, with retries for as long as for a request. */
    credentialOf: (identity: TokenCredential): TokenCredential => ({
      getToken: (...of) => track(getToken(identity, ...of)),
    }),
    /** Resolves when every current request was accepted, rejected or given up. The promise never rejects. */
    settled: (): Promise<unknown> => Promise.allSettled(underWay),
    /** From now on the process may end at any moment. */
    drain(): void {
      if (isDraining) return;
      isDraining = true;
      const underWayNow = [...attempts];
      setTimeout(() => cutAll(underWayNow), drainAttemptMs).unref();
      setTimeout(() => {
        isOver = true;
        cutAll(attempts);
        wakeAll();
      }, drainWithinMs).unref();
      wakeAll();
    },
  };
}

/** The only error for which the exporter always keeps a request on disk. */
function noAnswer(of: string): DOMException {
  return new DOMException(`${of} did not answer`, "AbortError");
}
