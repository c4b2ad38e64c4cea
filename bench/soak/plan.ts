import type { Random } from "../../local/synthetic-year/random.ts";

/** Injected faults, each for a limited time. */
export const faultKinds = [
  "vault throttles",
  "vault fails",
  "vault cuts connections",
  "vault is slow",
  "vault is down",
  "Entra throttles",
  "Entra is unavailable",
  "Entra cuts connections",
  "Entra is slow",
  "Entra is down",
  "ledger takes no intents",
  "ledger takes no outcomes",
  "ledger is slow",
  "Entra's clock is ahead",
  "Entra's clock is behind",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Deliberate changes, which must change the answers. */
export type ChangeKind = "suspend" | "resume" | "key announced" | "key without notice";

export type Step = { atMs: number } & (
  | { fault: FaultKind; forMs: number }
  | { change: ChangeKind }
  | { lifetimeSeconds: number }
);

export interface Pace {
  totalMs: number;
  /** The last part, without faults. Everything must be answered again. */
  calmMs: number;
  faultMs: readonly [least: number, most: number];
  gapMs: readonly [least: number, most: number];
  changeEveryMs: number;
  /** Lifetimes of the tokens that Entra issues, used in turn. */
  lifetimesSeconds: readonly number[];
}

/** An unknown key is looked up at most this often, and a look-up that fails because Entra is down counts as one. */
const unknownKeyEveryMs = 330_000;
const lookUpMs = 2_500;
/** This fault must last for more than one request that needs a new token; the other faults always last long enough. */
const longerFor: Partial<Record<FaultKind, number>> = { "ledger takes no intents": 3 };

/**
 * Plans the whole run in advance from a seed: faults one after the other, in a new order each cycle, with calm periods
 * in between, and changes at the same time.
 */
export function planSoak(random: Random, pace: Pace): Step[] {
  const within = ([least, most]: readonly [number, number]) => least + (most - least) * random.next();
  const steps: Step[] = [];
  const endMs = pace.totalMs - pace.calmMs;
  let waiting: FaultKind[] = [];
  let surprisedMs = Number.NEGATIVE_INFINITY;
  let atMs = within(pace.gapMs);
  while (atMs < endMs) {
    if (waiting.length === 0) waiting = shuffled(faultKinds, random);
    const fault = waiting.pop() as FaultKind;
    const forMs = Math.min(within(pace.faultMs) * (longerFor[fault] ?? 1), endMs - atMs);
    steps.push({ atMs, fault, forMs });
    let gapMs = within(pace.gapMs);
    if (atMs - surprisedMs >= unknownKeyEveryMs) {
      surprisedMs = atMs;
      steps.push({ atMs: atMs + forMs + gapMs / 2, change: "key without notice" });
      gapMs += lookUpMs;
    }
    atMs += forMs + gapMs;
  }
  const changes: ChangeKind[] = ["suspend", "key announced", "resume"];
  for (let i = 0; (i + 0.5) * pace.changeEveryMs < endMs; i++) {
    const change = changes[i % changes.length] as ChangeKind;
    steps.push({ atMs: (i + 0.5) * pace.changeEveryMs, change });
    const lifetimeSeconds = pace.lifetimesSeconds[Math.floor(random.next() * pace.lifetimesSeconds.length)] ?? 3_600;
    steps.push({ atMs: (i + 0.25) * pace.changeEveryMs, lifetimeSeconds });
  }
  return steps.sort((a, b) => a.atMs - b.atMs);
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
