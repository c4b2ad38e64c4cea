/** Limits concurrent requests: some run at the same time, some more wait, and the rest are refused. */
import type { RequestLimits } from "./platform.ts";

export interface Throttle {
  /** Runs `work` when there is capacity for it; undefined if it is refused. */
  run(work: () => Promise<void>): Promise<void> | undefined;
}

export function createThrottle({ maxConcurrent, maxOutstanding }: RequestLimits): Throttle {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function runWhenFree(work: () => Promise<void>): Promise<void> {
    // A finished request passes its place to the first waiting one, so `running` does not change then.
    if (running < maxConcurrent) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  }

  return { run: (work) => (running + waiting.length < maxOutstanding ? runWhenFree(work) : undefined) };
}
