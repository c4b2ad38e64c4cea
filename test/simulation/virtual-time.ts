import type { Deadline } from "../../src/domain/shared/retry.ts";

/**
 * Time that passes as fast as the processor allows. What is due at the same millisecond happens in the order in which
 * it was planned, so that a seed gives the same run on every machine.
 */
export interface VirtualTime {
  /** Milliseconds since 1970. */
  now(): number;
  at(timeMs: number, work: () => void): void;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  deadline(withinMs: number): Deadline;
  /** Runs everything that is due before `untilMs`, or until `isDone`. */
  run(untilMs: number, isDone?: () => boolean): Promise<void>;
}

/** One for all: to make one costs more than to wait. */
const timedOut = new DOMException("The operation was aborted due to timeout", "TimeoutError");

interface Planned {
  timeMs: number;
  order: number;
  work: () => void;
}

export function createVirtualTime(startMs: number): VirtualTime {
  const heap: Planned[] = [];
  let nowMs = startMs;
  let order = 0;

  const isBefore = (a: Planned, b: Planned) => a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);

  function push(planned: Planned): void {
    let place = heap.push(planned) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!isBefore(planned, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = planned;
  }

  function pop(): Planned | undefined {
    const [first] = heap;
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right && isBefore(right, heap[child] as Planned)) child += 1;
      if (!isBefore(heap[child] as Planned, last)) break;
      heap[place] = heap[child] as Planned;
      place = child;
    }
    heap[place] = last;
    return first;
  }

  const at = (timeMs: number, work: () => void) => push({ timeMs: Math.max(timeMs, nowMs), order: order++, work });

  return {
    now: () => nowMs,
    at,
    sleep(ms, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      at(nowMs + ms, resolve);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      return promise;
    },
    deadline(withinMs) {
      const atMs = nowMs + withinMs;
      const end = new AbortController();
      at(atMs, () => end.abort(timedOut));
      return { atMs, signal: end.signal };
    },
    async run(untilMs, isDone = () => false) {
      while (!isDone()) {
        const next = heap[0];
        if (!next || next.timeMs >= untilMs) {
          nowMs = untilMs;
          break;
        }
        nowMs = next.timeMs;
        while (heap[0]?.timeMs === nowMs) pop()?.work();
        // All that follows from it without waiting.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
