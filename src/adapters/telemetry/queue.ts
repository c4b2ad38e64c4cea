import type { KeyholdEvent } from "../../domain/events.ts";
import type { SpanContext } from "./trace.ts";

/** An event with the moment at which it happened, which is not that at which it is sent. */
export interface TimedEvent {
  event: KeyholdEvent;
  timeMs: number;
  /** The invocation in which it happened. */
  within?: SpanContext;
  /** How many equal ones it stands for, if it was counted (tally.ts). */
  count?: number;
}

/**
 * Events that wait: for the SDK to be loaded, or for Application Insights. Requests come in numbers that anyone on the
 * network decides, so they wait apart from the rest, come after it, and push out nothing. Those beyond `maxWaiting` are
 * lost.
 */
export function createQueue(maxWaiting: number, lost: () => void) {
  const requests: TimedEvent[] = [];
  const rest: TimedEvent[] = [];
  return {
    get length(): number {
      return requests.length + rest.length;
    },
    push(timed: TimedEvent): void {
      const lane = timed.event.event === "request_answered" ? requests : rest;
      if (lane.length < maxWaiting) lane.push(timed);
      else lost();
    },
    /** The next ones, at most `count`. */
    take(count: number): TimedEvent[] {
      const taken = rest.splice(0, count);
      return [...taken, ...requests.splice(0, count - taken.length)];
    },
  };
}
