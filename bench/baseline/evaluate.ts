import { type Random, randomOf } from "../../local/synthetic-year/random.ts";
import { replay } from "../../local/synthetic-year/replay.ts";
import {
  createYear,
  indexOf,
  originMs,
  type Profile,
  type SyntheticYear,
  yearEndMs,
  yearStartMs,
} from "../../local/synthetic-year/synthetic-year.ts";
import type { JudgedWindow, SignHistory } from "../../src/domain/audit/sign-rate.ts";
import { type Found, incidents, inject } from "./incidents.ts";
import type { FalseAlarms, ProfileResult } from "./report.ts";

/** A year of windows, each evaluated in order from the cold start. */
export interface JudgedYear {
  year: SyntheticYear;
  judged: SignHistory;
  /** Alarms in the counted year that are not explained by its one outage. */
  falseAlarms: readonly JudgedWindow[];
}

export function judgeYear(
  profile: Profile,
  random: Random,
  change: (year: SyntheticYear) => SyntheticYear = (year) => year,
): JudgedYear {
  const year = change(createYear(profile, random));
  const { judged, alarms } = replay(originMs, yearEndMs, (startMs) => year.signs[indexOf(startMs)] ?? 0);
  const falseAlarms = alarms.filter(
    ({ startMs }) => startMs >= yearStartMs && (startMs < year.outage.startMs || startMs >= year.outage.endMs),
  );
  return { year, judged, falseAlarms };
}

/** Counts false alarms in all years, and incidents in the first. */
export function evaluate(profile: Profile, seed: number, years: number, injections: number): ProfileResult {
  const falseAlarms = { above: [] as number[], below: [] as number[] } satisfies FalseAlarms;
  let found: Found[] = [];
  for (let n = 0; n < years; n++) {
    const random = randomOf(seed + n);
    const judgedYear = judgeYear(profile, random);
    for (const side of ["above", "below"] as const) {
      falseAlarms[side].push(judgedYear.falseAlarms.filter(({ verdict }) => verdict === side).length);
    }
    if (n > 0) continue;
    const { year, judged } = judgedYear;
    const possible = incidents.filter(({ not }) => !not?.includes(profile.kind));
    found = possible.map((incident) => inject(incident, year, judged, random, injections));
  }
  return { profile: profile.name, about: profile.about, falseAlarms, found };
}
