import type { KeyholdEvent } from "../../domain/events.ts";
import type { TimedEvent } from "./queue.ts";

/**
 * Counts answers from the cache that differ in nothing but their moment, and tells them as one event with their number:
 * a busy caller is given the same token a thousand times, and a thousand events would cost more and say no more
 * (docs/adr/0012-equal-cached-answers.md). What was minted, refused or failed is never counted together.
 */
interface AnswerTally {
  /** False: it is none of these, and has to be told by itself. */
  count(timed: TimedEvent): boolean;
  flush(): void;
}

export interface CountedEvent extends TimedEvent {
  count: number;
}

type Answered = Extract<KeyholdEvent, { event: "request_answered" }>;

interface Tally {
  first: TimedEvent;
  answered: Answered;
  count: number;
  totalMs: number;
}

/** So many different ones are told at once: memory is bounded by what they are, not by how long they wait. */
const maxDifferent = 1_000;

/** `tell` gets the first of them, with its time and invocation; its `durationMs` is the mean of all. */
export function createAnswerTally(everyMs: number, tell: (counted: CountedEvent) => void): AnswerTally {
  const tallies = new Map<string, Tally>();
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const all = [...tallies.values()];
    tallies.clear();
    for (const { first, answered, count, totalMs } of all) {
      tell({ ...first, event: { ...answered, durationMs: Math.round(totalMs / count) }, count });
    }
  };
  return {
    flush,
    count(timed) {
      const { event } = timed;
      if (event.event !== "request_answered" || event.outcome !== "issued" || !event.cached) return false;
      const { operation, tenantId, clientId, scope, callerObjectId, callerName, durationMs } = event;
      const key = [operation, tenantId, clientId, scope, callerObjectId, callerName].join(" ");
      const known = tallies.get(key);
      if (known) {
        known.count += 1;
        known.totalMs += durationMs;
        return true;
      }
      tallies.set(key, { first: timed, answered: event, count: 1, totalMs: durationMs });
      if (tallies.size >= maxDifferent) flush();
      else timer ??= setTimeout(flush, everyMs).unref();
      return true;
    },
  };
}
