import type { KeyholdEvent } from "../domain/events.ts";

/** An event with the moment at which it happened, which is not that at which it is sent. */
export interface TimedEvent {
  event: KeyholdEvent;
  timeMs: number;
}

/** Events that wait until the SDK is loaded. A lane for requests and one for the rest, so that no flood pushes out. */
export function createQueue(maxWaiting: number) {
  const requests: TimedEvent[] = [];
  const rest: TimedEvent[] = [];
  let lost = 0;
  return {
    push(timed: TimedEvent): void {
      const lane = timed.event.event === "request_answered" ? requests : rest;
      if (lane.length < maxWaiting) lane.push(timed);
      else lost++;
    },
    /** Empties it. */
    drain(): { events: TimedEvent[]; lost: number } {
      const drained = { events: [...rest.splice(0), ...requests.splice(0)], lost };
      lost = 0;
      return drained;
    },
  };
}
