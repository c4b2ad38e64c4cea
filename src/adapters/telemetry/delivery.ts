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
 * How a request of the exporter reaches Application Insights. On its own the exporter tries once, puts what was not
 * accepted on disk, sends one such file a minute, never ends a request that hangs, and drops what the identity had no
 * token for. So each request is sent again here for minutes. Only then does the exporter get it back and write it to
 * its disk.
 */
export interface DeliveryOptions {
  /** How long a request waits after its first, second ... failure. */
  retryDelaysMs: readonly number[];
  attemptWithinMs: number;
  /** How long requests are sent again once the process may end. */
  drainWithinMs: number;
}

/**
 * A process that ends has only seconds left: attempts are short then and follow each other quickly, until the rest is
 * written to disk.
 */
const drainAttemptMs = 1_000;
const drainDelayMs = 200;

/** How many requests are remembered as counted. */
const maxGivenUp = 1_000;

/** `lost` is called with the number of events that were not accepted in time, or that are rejected one by one. */
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

  /** Undefined: it failed, or took too long, even if it ignores the signal. */
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
  /** Waits for the next attempt; false: there is none. */
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
   * What the exporter then keeps on disk: everything, or the records that its answer names. It sends those again, and
   * they are counted once.
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
  /** A policy runs after the exporter has its token; without one the exporter would drop the request. */
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
    /** The identity, asked again for as long as a request is sent again. */
    credentialOf: (identity: TokenCredential): TokenCredential => ({
      getToken: (...of) => track(getToken(identity, ...of)),
    }),
    /** Resolves when every current request was accepted, rejected or given up. Never rejects. */
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

/** The one error for which the exporter is sure to keep a request on disk. */
function noAnswer(of: string): DOMException {
  return new DOMException(`${of} did not answer`, "AbortError");
}
