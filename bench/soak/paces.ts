import type { SoakOptions } from "./soak.ts";

/** About 28 s, for the tests: short faults, and clocks moved forward so that policies and tokens age. */
export function shortSoak(seed: number): SoakOptions {
  return {
    seed,
    pace: {
      totalMs: 28_000,
      calmMs: 9_000,
      faultMs: [450, 700],
      gapMs: [250, 400],
      changeEveryMs: 3_000,
      lifetimesSeconds: [160, 220],
    },
    perSecond: 40,
    warmTenants: 20,
    advanceMs: 31_000,
    sampleEveryMs: 2_000,
  };
}

/** Runs in real time. */
export function longSoak(seed: number, minutes: number): SoakOptions {
  return {
    seed,
    pace: {
      totalMs: 60_000 * minutes,
      calmMs: 12_000,
      faultMs: [2_000, 8_000],
      gapMs: [4_000, 14_000],
      changeEveryMs: 45_000,
      lifetimesSeconds: [150, 300, 900],
    },
    perSecond: 30,
    warmTenants: 150,
    advanceMs: 0,
    sampleEveryMs: 10_000,
  };
}
