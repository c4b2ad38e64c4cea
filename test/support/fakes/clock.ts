/** A clock that moves only when a test moves it. Milliseconds since 1970. */
export interface FakeClock {
  now: () => number;
  advanceSeconds(seconds: number): void;
  advanceMs(ms: number): void;
  set(ms: number): void;
}

export const startMs = Date.UTC(2026, 5, 1, 12, 0, 0);

export function createFakeClock(fromMs: number = startMs): FakeClock {
  let nowMs = fromMs;
  return {
    now: () => nowMs,
    advanceSeconds(seconds) {
      nowMs += seconds * 1000;
    },
    advanceMs(ms) {
      nowMs += ms;
    },
    set(ms) {
      nowMs = ms;
    },
  };
}
