import { within } from "../azure/deadline.ts";

export interface Guard {
  /**
   * The work's result, or `otherwise` if the part is paused or no turn was free in time.
   * @throws DeadlineExceeded or what the work throws
   */
  attempt<T>(withinMs: number, otherwise: T, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Whether at least half of the turns are in use. */
  isBusy(): boolean;
}

export interface GuardLimits {
  /** The part is paused after this many failures in a row over at least `failingMs` milliseconds. */
  failures: number;
  failingMs: number;
  /** Milliseconds of the pause. After it one attempt is the probe; only if it succeeds are others let through. */
  restMs: number;
  /** Maximum concurrent attempts. */
  atOnce: number;
  /** Milliseconds that further attempts wait for a turn. */
  queueMs: number;
}

/**
 * Protects answers from an optional part that is slow or down, and the part from bursts. One slow answer does not count
 * as an outage, because an instance that starts under load is slow itself.
 */
export function createGuard({ failures, failingMs, restMs, atOnce, queueMs }: GuardLimits, clock: () => number): Guard {
  const turns = createTurns(atOnce);
  let failing: { sinceMs: number; count: number } | undefined;
  let restUntilMs: number | undefined;
  /** The attempt that finds out whether the part works again. */
  let probe: object | undefined;

  function fail(startedMs: number): void {
    failing ??= { sinceMs: startedMs, count: 0 };
    failing.count++;
    const nowMs = clock();
    if (restUntilMs !== undefined || (failing.count >= failures && nowMs - failing.sinceMs >= failingMs)) {
      restUntilMs = nowMs + restMs;
    }
  }

  const isResting = () => restUntilMs !== undefined && (probe !== undefined || clock() < restUntilMs);

  return {
    async attempt(withinMs, otherwise, work) {
      if (isResting() || !(await turns.take(queueMs))) return otherwise;
      // The part may have been paused while this attempt waited.
      if (isResting()) {
        turns.give();
        return otherwise;
      }
      const startedMs = clock();
      const own = {};
      // An earlier probe may still be in progress, if the part worked in between.
      if (restUntilMs !== undefined) probe = own;
      try {
        const result = await within(withinMs, work);
        failing = restUntilMs = probe = undefined;
        return result;
      } catch (error) {
        fail(startedMs);
        throw error;
      } finally {
        if (probe === own) probe = undefined;
        turns.give();
      }
    },
    isBusy: () => turns.free() <= atOnce / 2,
  };
}

/** Gives out `atOnce` turns; further requests queue. */
function createTurns(atOnce: number) {
  let free = atOnce;
  const line = new Set<() => void>();
  return {
    free: () => free,
    /** False if no turn was free in time. */
    async take(withinMs: number): Promise<boolean> {
      if (free > 0) {
        free--;
        return true;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      line.add(resolve);
      try {
        await within(withinMs, () => promise);
        return true;
      } catch {
        // Too late. Whoever is no longer in line has got a turn after all.
        return !line.delete(resolve);
      }
    },
    give(): void {
      const [next] = line;
      if (next === undefined) free++;
      else {
        line.delete(next);
        next();
      }
    },
  };
}
