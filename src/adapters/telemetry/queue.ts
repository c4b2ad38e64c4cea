import type { KeyholdEvent } from "../../domain/events.ts";
import type { Span, SpanContext } from "./trace.ts";

/** An event with the moment at which it happened, which is not that at which it is sent. */
export interface TimedEvent {
  event: KeyholdEvent;
  timeMs: number;
  /** The invocation in which it happened. */
  within?: SpanContext;
}

/** Spans beyond these are not kept: anyone on the network can cause them, and no alarm stands on them. */
const maxSpans = 2048;

/** What waits until the SDK is loaded. A lane for requests and one for the rest, so that no flood pushes out. */
export function createQueue(maxWaiting: number) {
  const requests: TimedEvent[] = [];
  const rest: TimedEvent[] = [];
  const spans: Span[] = [];
  let lost = 0;
  return {
    push(timed: TimedEvent): void {
      const lane = timed.event.event === "request_answered" ? requests : rest;
      if (lane.length < maxWaiting) lane.push(timed);
      else lost++;
    },
    pushSpan(span: Span): void {
      if (spans.length < maxSpans) spans.push(span);
    },
    /** Empties it. */
    drain(): { events: TimedEvent[]; spans: Span[]; lost: number } {
      const drained = { events: [...rest.splice(0), ...requests.splice(0)], spans: spans.splice(0), lost };
      lost = 0;
      return drained;
    },
  };
}
