import { setImmediate as nextTurn } from "node:timers/promises";
import type { Steps } from "../../domain/shared/steps.ts";

/** Milliseconds of work before the event loop gets a turn. */
const sliceMs = 4;

export interface Pauses {
  /** A monotonic clock, milliseconds. */
  nowMs(): number;
  /** Resolves when the event loop has turned. */
  turn(): Promise<unknown>;
}

const ofProcess: Pauses = { nowMs: () => performance.now(), turn: () => nextTurn() };

/** Runs the steps in slices; requests are served in between. A single step is never divided. */
export async function inSlices<R>(steps: Steps<R>, { nowMs, turn }: Pauses = ofProcess): Promise<R> {
  for (;;) {
    const untilMs = nowMs() + sliceMs;
    do {
      const step = steps.next();
      if (step.done) return step.value;
    } while (nowMs() < untilMs);
    await turn();
  }
}
