import { type Random, randomOf } from "../../local/synthetic-year/random.ts";
import {
  indexOf,
  originMs,
  type Profile,
  type SyntheticYear,
  yearEndMs,
} from "../../local/synthetic-year/synthetic-year.ts";
import { hourMs, windowsPerHour } from "../../src/domain/audit/sign-rate.ts";
import { judgeYear } from "./evaluate.ts";
import type { ScaleOutResult } from "./report.ts";

const instances = 20;
const scaledOutWindows = 4 * windowsPerHour;
/** Tokens in use for each signature of a window: a token lives for about an hour. */
const tokensPerSign = windowsPerHour;
/** The share of tokens signed twice, although instances share them, that `bench/fleet.ts` allows. */
const signedTwice = 0.02;

/** A scale-out every day, at a varying time, from one instance to twenty for four hours. */
export function alarmsOfScaleOuts(profile: Profile, seed: number, years: number): ScaleOutResult {
  const alarms = (change: typeof withCacheOn) =>
    Array.from({ length: years }, (_, n) => {
      const scaling = randomOf(seed + 1_000 + n);
      return judgeYear(profile, randomOf(seed + n), (year) => change(year, scaling)).falseAlarms.length;
    });
  return {
    profile: profile.name,
    none: alarms((year) => year),
    cacheOn: alarms(withCacheOn),
    cacheOff: alarms(withCacheOff),
  };
}

/** Nothing is signed again except for a few lost races. */
function withCacheOn(year: SyntheticYear, random: Random): SyntheticYear {
  return withScaleOuts(year, random, (start, add) => add(start, signedTwice * tokensPerSign));
}

/** Each new instance mints all tokens at once, and renews them for itself. */
function withCacheOff(year: SyntheticYear, random: Random): SyntheticYear {
  return withScaleOuts(year, random, (start, add) => {
    add(start, (instances - 1) * tokensPerSign);
    for (let i = 1; i < scaledOutWindows; i++) add(start + i, instances - 1);
  });
}

function withScaleOuts(
  year: SyntheticYear,
  random: Random,
  scaleOut: (start: number, add: (index: number, times: number) => void) => void,
): SyntheticYear {
  const signs = Int32Array.from(year.signs);
  const add = (index: number, times: number) => {
    signs[index] = (signs[index] ?? 0) + random.poisson(times * (year.rates[index] ?? 0));
  };
  for (let dayMs = originMs; dayMs < yearEndMs - 24 * hourMs; dayMs += 24 * hourMs) {
    scaleOut(indexOf(dayMs) + Math.floor(random.next() * 20 * windowsPerHour), add);
  }
  return { ...year, signs };
}
