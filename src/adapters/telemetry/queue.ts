import type { KeyholdEvent } from "../../domain/events.ts";
import type { SpanContext } from "./trace.ts";

/** An event with the time when it happened; it is sent later. */
export interface TimedEvent {
  event: KeyholdEvent;
  timeMs: number;
  /** The invocation in which it happened. */
  within?: SpanContext;
  /** The number of equal events that it represents, if it was counted (tally.ts). */
  count?: number;
}

/**
 * A queue of events that wait for the SDK to be loaded, or for Application Insights. Anyone on the network can cause
 * any number of requests. So events of requests have a queue of their own, are sent after all others, and never
 * displace them. Events beyond `maxWaiting` are lost.
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
    /** Removes and returns the next events, at most `count`. */
    take(count: number): TimedEvent[] {
      const taken = rest.splice(0, count);
      return [...taken, ...requests.splice(0, count - taken.length)];
    },
  };
}
