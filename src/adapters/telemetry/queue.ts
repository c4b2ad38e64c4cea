import type { KeyholdEvent } from "../../domain/events.ts";
import type { SpanContext } from "./trace.ts";

/** An event with the time when it happened, which is not when it is sent. */
export interface TimedEvent {
  event: KeyholdEvent;
  timeMs: number;
  /** The invocation in which it happened. */
  within?: SpanContext;
  /** How many equal events it stands for, if it was counted (tally.ts). */
  count?: number;
}

/**
 * Events that wait for the SDK to be loaded, or for Application Insights. Anyone on the network decides how many
 * requests there are, so events of requests wait apart from the rest, are sent after it, and never displace it. Events
 * beyond `maxWaiting` are lost.
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
