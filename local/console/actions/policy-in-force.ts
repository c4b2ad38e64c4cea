import { setTimeout as sleep } from "node:timers/promises";
import type { ActionContext } from "./action.ts";

/** Longer than an instance takes to re-read its policy. */
const patienceMs = 75_000;

/**
 * Keyhold reads its policy again when a request arrives and the last reading is 30 seconds old, so this sends requests.
 */
export async function policyInForce(
  { stack, signal, say, eventsSince }: ActionContext,
  sinceMs: number,
): Promise<void> {
  say("Keyhold re-reads its policy within a minute; waiting for that");
  while (Date.now() - sinceMs < patienceMs) {
    await fetch(`${stack.functions.httpUrl}/health/ready`, { signal }).catch(() => undefined);
    await sleep(1_000, undefined, { signal });
    const told = eventsSince(sinceMs).find(({ event }) =>
      /^(policy|suspensions)_applied$|^policy_rejected$/.test(event),
    );
    if (told?.event === "policy_rejected") throw new Error("Keyhold rejected the policy");
    if (told) return say(`in force after ${Math.round((Date.now() - sinceMs) / 1000)} s`);
  }
  throw new Error("Keyhold did not re-read the policy");
}
