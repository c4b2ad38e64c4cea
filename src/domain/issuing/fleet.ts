import type { RetryPorts, StartDeadline } from "../shared/retry.ts";
import type { SharedToken, SharedTokens } from "./ports.ts";
import type { TokenCacheKey } from "./token-cache.ts";

/** Milliseconds that one instance waits for the mint of another. After that it mints itself. */
const longestWaitMs = 2_000;
/**
 * Milliseconds from one look at the shared cache to the next; jittered, so that instances do not poll at the same time.
 */
const lookIntervalMs = 200;
const maxLooks = longestWaitMs / lookIntervalMs;

export interface FleetPorts extends Pick<RetryPorts, "sleep" | "random"> {
  sharedTokens: SharedTokens;
  startDeadline: StartDeadline;
}

/**
 * The token that another instance has minted or mints now, or undefined: this instance mints. Of many instances that
 * ask at once, one gets the claim and the others wait for its token.
 */
export async function findInFleet(
  key: TokenCacheKey,
  isAnswer: (token: SharedToken) => boolean,
  { sharedTokens, startDeadline, sleep, random }: FleetPorts,
): Promise<SharedToken | undefined> {
  const { signal } = startDeadline(longestWaitMs);
  for (let look = 0; look <= maxLooks; look++) {
    const token = await sharedTokens.find(key);
    if (token && isAnswer(token)) return token;
    if ((await sharedTokens.claim(key)) !== "held") return undefined;
    try {
      await sleep(lookIntervalMs * (0.5 + random()), signal);
    } catch {
      return undefined; // waited long enough
    }
  }
  return undefined;
}
