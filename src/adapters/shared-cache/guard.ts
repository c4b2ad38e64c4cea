import { within } from "../azure/deadline.ts";

export interface Guard {
  /**
   * The work's result; `otherwise` where nothing is asked of the part for now, or there was no turn in time.
   * @throws DeadlineExceeded, or what the work throws
   */
  attempt<T>(withinMs: number, otherwise: T, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Whether half of the turns are taken. */
  isBusy(): boolean;
}

export interface GuardLimits {
  /** A part is left alone after so many failures in a row over so many milliseconds at least. */
  failures: number;
  failingMs: number;
  /** Milliseconds that it is left alone. After that one attempt finds out, and only its success lets others through. */
  restMs: number;
  /** Attempts at once. */
  atOnce: number;
  /** Milliseconds that others wait for their turn. */
  queueMs: number;
}

/**
 * Protects answers from a part that they can do without, and the part from bursts. One slow answer is no outage: an
 * instance that starts under load is itself what is slow.
 */
export function createGuard({ failures, failingMs, restMs, atOnce, queueMs }: GuardLimits, clock: () => number): Guard {
  const turns = createTurns(atOnce);
  let failing: { sinceMs: number; count: number } | undefined;
  let restUntilMs: number | undefined;
  let isProbed = false;

  function fail(startedMs: number): void {
    failing ??= { sinceMs: startedMs, count: 0 };
    failing.count++;
    const nowMs = clock();
    if (restUntilMs !== undefined || (failing.count >= failures && nowMs - failing.sinceMs >= failingMs)) {
      restUntilMs = nowMs + restMs;
    }
  }

  const isResting = () => restUntilMs !== undefined && (isProbed || clock() < restUntilMs);

  return {
    async attempt(withinMs, otherwise, work) {
      if (isResting() || !(await turns.take(queueMs))) return otherwise;
      // Others may have failed while this one waited.
      if (isResting()) {
        turns.give();
        return otherwise;
      }
      const startedMs = clock();
      const isProbe = restUntilMs !== undefined;
      isProbed ||= isProbe;
      try {
        const result = await within(withinMs, work);
        failing = restUntilMs = undefined;
        return result;
      } catch (error) {
        fail(startedMs);
        throw error;
      } finally {
        if (isProbe) isProbed = false;
        turns.give();
      }
    },
    isBusy: () => turns.free() <= atOnce / 2,
  };
}

/** So many at once; the others wait in line. */
function createTurns(atOnce: number) {
  let free = atOnce;
  const line = new Set<() => void>();
  return {
    free: () => free,
    /** False where there was no turn in time. */
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
