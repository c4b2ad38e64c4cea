import { AsyncLocalStorage } from "node:async_hooks";
import type { KeyholdEvent, RecordEvent } from "../../domain/events.ts";

interface FramedEvents {
  record: RecordEvent;
  /** Records the waiting events now: call it before the process ends. */
  flush(): void;
}

/**
 * Passes events to `record`. Events with stack frames are passed `afterMs` milliseconds later, with `inSource` applied
 * to the frames. The first of these decodes a source map, and no answer should wait for that. An event keeps the
 * invocation in which it happened.
 */
export function createFramedEvents(
  record: RecordEvent,
  inSource: (frames: readonly string[]) => readonly string[],
  afterMs = 100,
): FramedEvents {
  let waiting: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const due = waiting;
    waiting = [];
    for (const recordNow of due) recordNow();
  };
  return {
    record(event) {
      const frames = framesIn(event);
      if (!frames) return record(event);
      const inInvocation = AsyncLocalStorage.snapshot();
      waiting.push(() => inInvocation(() => record(withFrames(event, inSource(frames)))));
      timer ??= setTimeout(flush, afterMs).unref();
    },
    flush,
  };
}

function framesIn(event: KeyholdEvent): readonly string[] | undefined {
  if (event.event === "request_answered") return event.fault?.frames;
  return "frames" in event ? event.frames : undefined;
}

function withFrames(event: KeyholdEvent, frames: readonly string[]): KeyholdEvent {
  if (event.event !== "request_answered") return { ...event, frames } as KeyholdEvent;
  return event.fault ? { ...event, fault: { ...event.fault, frames } } : event;
}
