import { randomOf } from "../../local/synthetic-year/random.ts";
import { replay } from "../../local/synthetic-year/replay.ts";
import { weekMs, windowMs } from "../../src/domain/audit/sign-rate.ts";
import type { World } from "./model.ts";

/** Of the fleet's signatures, when the thief began. */
const firstShare = 0.02;
const growthPerWeek = 1.1;
const weeks = 16;
/** Of the baseline, and a little more for its neighbouring hours. */
const keptMs = 8 * weekMs + 2 * 86_400_000;

/**
 * A thief who has been there for months, and whose rate grows by a tenth a week, so that the baseline gets used to him.
 * Gives the audit the history of these weeks, as it would have judged them.
 * @returns mean milliseconds from one theft to the next by now
 */
export function heatSlowly({ time, plan, auditStore }: World): number {
  const nowMs = time.now();
  const fromMs = nowMs - weeks * weekMs;
  const random = randomOf(plan.seed);
  const fleets = fleetRate(plan);
  const shareAt = (timeMs: number) => firstShare * growthPerWeek ** ((timeMs - fromMs) / weekMs);
  const { windows } = replay(fromMs, nowMs, (startMs) => random.poisson(fleets * (1 + shareAt(startMs))));
  const kept = windows.filter(({ startMs }) => startMs >= nowMs - keptMs);
  auditStore.stored.rates.set("client", new Map(kept.map((window) => [window.startMs, window])));
  return windowMs / (fleets * shareAt(nowMs));
}

/** Signatures in a window, about: each token lives for a good hour and is asked for again some time after. */
function fleetRate({ tenants, instances, sharesTokens, requestsPerSecond }: World["plan"]): number {
  const tokens = tenants * (sharesTokens ? 1 : instances);
  return (tokens / (3_600 + tokens / requestsPerSecond)) * (windowMs / 1_000);
}
