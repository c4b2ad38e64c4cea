import { Fault } from "./fault.ts";

/** What waiting between attempts needs from outside. */
export interface RetryPorts {
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Resolves after `ms`; rejects when the signal aborts. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 <= x < 1, for jitter only. */
  random: () => number;
}

/** Seconds, where the answer does not say how long. */
const delaySeconds = 1;
const jitter = 0.2;

/**
 * Tries once more after a retryable fault: only throttling, 5xx, the network, and at once after a token that was
 * replaced. `Retry-After` is honoured; where it
 * reaches beyond the deadline the fault goes to the caller, who then knows how long to wait.
 */
export async function withRetry<T>(attempt: () => Promise<T>, ports: RetryPorts, deadline: Deadline): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof Fault) || !error.isRetryable) throw error;
    const usual = error.detail.isTokenReplaced ? 0 : delaySeconds;
    const waitMs = 1000 * (error.detail.retryAfterSeconds ?? usual) * (1 + jitter * ports.random());
    if (ports.clock() + waitMs >= deadline.atMs) throw error;
    try {
      await ports.sleep(waitMs, deadline.signal);
    } catch {
      throw error; // the deadline ended the wait: throw the fault itself
    }
  }
  return attempt();
}

/** One time limit for all that a request may wait for. */
export interface Deadline {
  /** Milliseconds since 1970. */
  atMs: number;
  signal: AbortSignal;
}

/** Starts a time limit of so many milliseconds from now. */
export type StartDeadline = (withinMs: number) => Deadline;

/** Milliseconds for one outside part with all attempts: after that no request waits for it. */
const partDeadlineMs = 5_000;

/** The time limit for one outside part, within that of the request; a clock that is set in between changes neither. */
export function partDeadline(request: Deadline, { startDeadline }: { startDeadline: StartDeadline }): Deadline {
  const own = startDeadline(partDeadlineMs);
  return { atMs: own.atMs, signal: AbortSignal.any([request.signal, own.signal]) };
}
