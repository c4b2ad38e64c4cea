import type { KeyholdEvent } from "../../domain/events.ts";
import type { TimedEvent } from "./queue.ts";

/**
 * Counts answers from the cache that differ only in their time, and records them as one event with their number. A busy
 * caller gets the same token a thousand times, and a thousand events would cost more without more information
 * (docs/adr/0012-equal-cached-answers.md). Requests that were throttled before their caller was verified are also
 * counted, because anyone can send them at any rate. Every new token, other refusal and failure has an event of its
 * own.
 */
interface AnswerTally {
  /** False: the event is not of this kind, and must be sent by itself. */
  count(timed: TimedEvent): boolean;
  flush(): void;
}

type Answered = Extract<KeyholdEvent, { event: "request_answered" }>;

interface Tally {
  first: TimedEvent;
  answered: Answered;
  count: number;
  totalMs: number;
}

/** Refusals before the caller was verified: nothing that the request claims is proven. */
const turnedAway: ReadonlySet<string | undefined> = new Set(["caller_key_not_looked_up", "overloaded"]);

/** The key under which equal events are counted. Undefined: the event is sent by itself. */
function keyOf(event: KeyholdEvent): string | undefined {
  if (event.event !== "request_answered") return undefined;
  const { operation, outcome, cached, refusal, tenantId, clientId, scope, callerObjectId, callerName } = event;
  if (turnedAway.has(refusal?.reason)) return [operation, refusal?.reason].join(" ");
  if (outcome !== "issued" || !cached) return undefined;
  return [operation, tenantId, clientId, scope, callerObjectId, callerName].join(" ");
}

/** With this many different events the tally is sent at once, so that memory is bounded for any interval. */
const maxDifferent = 1_000;

/**
 * `tell` gets the first of equal events, with its time and invocation; its `durationMs` is the mean of all. With a
 * `share` below 1 only a random share of the events is passed on, and the count of each includes those that are not.
 */
export function createAnswerTally(
  { everyMs, share, random = Math.random }: { everyMs: number; share: number; random?: () => number },
  tell: (counted: TimedEvent) => void,
): AnswerTally {
  const tallies = new Map<string, Tally>();
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const all = [...tallies.values()];
    tallies.clear();
    for (const { first, answered, count, totalMs } of all) {
      const part = answered.outcome === "issued" ? share : 1;
      if (part < 1 && random() >= part) continue;
      const event = { ...answered, durationMs: Math.round(totalMs / count) };
      tell({ ...first, event, count: Math.round(count / part) });
    }
  };
  return {
    flush,
    count(timed) {
      const { event } = timed;
      const key = keyOf(event);
      if (key === undefined || event.event !== "request_answered") return false;
      const known = tallies.get(key);
      if (known) {
        known.count += 1;
        known.totalMs += event.durationMs;
        return true;
      }
      tallies.set(key, { first: timed, answered: event, count: 1, totalMs: event.durationMs });
      if (tallies.size >= maxDifferent) flush();
      else timer ??= setTimeout(flush, everyMs).unref();
      return true;
    },
  };
}
