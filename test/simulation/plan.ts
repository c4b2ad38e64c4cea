import { createRandom } from "./random.ts";

/** Each can be switched off, to find out which of them a failure needs. */
export const faultNames = [
  "crashes",
  "lost-answers",
  "throttling",
  "ledger-down",
  "shared-cache",
  "wrong-signatures",
  "late-rows",
  "missing-rows",
  "clocks",
  "clock-a-day-ahead",
  "two-audits",
  "rotation",
  "suspension",
  "thief-burst",
  "thief-leak",
  "thief-behind-open-intents",
  "thief-copies-request-ids",
  "thief-in-slowly-heated-water",
  "thief-forges-rows",
  "stranger",
] as const;
export type FaultName = (typeof faultNames)[number];

/** What a run is made of: a seed and these numbers give the same run again. */
export interface Plan {
  seed: number;
  /** The run ends when the vault has made so many. */
  signatures: number;
  instances: number;
  tenants: number;
  requestsPerSecond: number;
  sharesTokens: boolean;
  /** The log has the User-Agent of each request. */
  logsUserAgents: boolean;
  faults: ReadonlySet<FaultName>;
}

/** Every second seed shares tokens, and in every fourth the log has no User-Agents. */
export function planOf(seed: number, signatures: number, without: readonly FaultName[] = []): Plan {
  const random = createRandom(seed);
  const instances = random.pick([1, 2, 4, 8, 20, 40]);
  const sharesTokens = seed % 2 === 1;
  return {
    seed,
    signatures,
    instances,
    // So that the fleet makes some thousand signatures an hour, whatever its size.
    tenants: sharesTokens ? 4_000 : Math.max(100, Math.ceil(4_000 / instances)),
    requestsPerSecond: random.pick([2, 5, 15]),
    sharesTokens,
    logsUserAgents: seed % 4 !== 3,
    faults: new Set(faultNames.filter((name) => !without.includes(name))),
  };
}
