import type { BestPossible } from "./best-possible.ts";
import type { Found } from "./incidents.ts";

/** Alarms without a real cause, one number for each synthetic year. */
export interface FalseAlarms {
  above: readonly number[];
  below: readonly number[];
}

export interface ProfileResult {
  profile: string;
  about: string;
  falseAlarms: FalseAlarms;
  found: readonly Found[];
}

/** Alarms per key and year, one number for each synthetic year. */
export interface ScaleOutResult {
  profile: string;
  none: readonly number[];
  /** Instances share their tokens. */
  cacheOn: readonly number[];
  /** Each instance mints for itself. */
  cacheOff: readonly number[];
}

export interface Results {
  seed: number;
  years: number;
  injections: number;
  profiles: readonly ProfileResult[];
  bestPossible: readonly BestPossible[];
  /** Absent in results that were stored before scale-outs were measured. */
  scaleOuts?: readonly ScaleOutResult[];
}

export const falseAlarmTarget = 4;

/** The tables as Markdown, for the terminal and the results file. */
export function markdownOf({ seed, years, injections, profiles, bestPossible, scaleOuts }: Results): string {
  return [
    `Synthetic traffic, seed ${seed}: ${years} years per profile for false alarms, ${injections} injections per incident.`,
    "",
    table(
      ["key", "what it signs", "false above a year", "false below a year", "all: mean", "all: worst year", "at most 4"],
      profiles.map(({ profile, about, falseAlarms: { above, below } }) => {
        const all = above.map((n, i) => n + (below[i] ?? 0));
        const worst = Math.max(...all);
        const verdict = mean(all) > falseAlarmTarget ? "MISSED" : worst > falseAlarmTarget ? "on average" : "met";
        return [profile, about, fixed(mean(above)), fixed(mean(below)), fixed(mean(all)), `${worst}`, verdict];
      }),
    ),
    "",
    "Delays are in windows of five minutes of the log's time; 1 is the window in which the incident began.",
    "",
    table(
      ["key", "incident", "found", "median", "worst", "target", "in time"],
      profiles.flatMap(({ profile, found }) => found.map((each) => [profile, ...incidentCells(each)])),
    ),
    "",
    "The slow leak is not for the baseline to find: one more signature an hour is inside the noise of a key that is in use;",
    "a hit is chance. Reconciliation finds it, by its first signature. The restart is no incident, but its alarm is right:",
    "all tokens are signed again. A gradual theft is found when it has grown out of the band. A batch key that does not sign",
    "is noticed only when a batch is missing, 26 hours after the last; a burst in its last window has no second to tell it.",
    "Slowly heated water: the median of eight weeks is four and a half weeks behind, so a tenth more each week is up to half",
    "more than usual. A key in steady use is found out by its noise after weeks; a rare key or a batch never.",
    "",
    ...scaleOutLines(scaleOuts),
    "What the best of all rules could do that knows the true rate: where this misses a target, the key signs too rarely.",
    "",
    table(
      [
        "signs a window",
        "threefold bursts found within two windows",
        "false alarms a year if three empty windows are one",
      ],
      bestPossible.map(({ rate, burstFound, falseDeaths }) => [`${rate}`, percent(burstFound), fixed(falseDeaths)]),
    ),
    "",
  ].join("\n");
}

function scaleOutLines(results: readonly ScaleOutResult[] = []): string[] {
  if (results.length === 0) return [];
  return [
    "False alarms a year with a scale-out from 1 to 20 instances every day, for four hours, at a time that changes. Shared",
    "cache on: 2 % of the tokens are signed again. Off: each instance signs all of them, at once and at each renewal.",
    "",
    table(
      ["key", "no scale-outs: mean", "cache on: mean", "more than without them: 0", "cache off: mean"],
      results.map(({ profile, none, cacheOn, cacheOff }) => {
        const more = mean(cacheOn) - mean(none);
        const verdict = more <= 0 ? "met" : `MISSED, ${fixed(more)}`;
        return [profile, fixed(mean(none)), fixed(mean(cacheOn)), verdict, fixed(mean(cacheOff))];
      }),
    ),
    "",
  ];
}

function incidentCells(found: Found): string[] {
  const { incident, injections, medianWindows, worstWindows, targetWindows, inTime } = found;
  const target = targetWindows === undefined ? "" : `within ${targetWindows}`;
  const part = inTime === undefined ? "" : percent(inTime / injections);
  return [
    incident,
    percent(found.found / injections),
    `${medianWindows ?? "-"}`,
    `${worstWindows ?? "-"}`,
    target,
    part,
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, n) => sum + n, 0) / values.length;
}

function fixed(n: number): string {
  return n.toFixed(1);
}

function percent(part: number): string {
  return `${Math.round(100 * part)} %`;
}
