import type { RetryPorts, StartDeadline } from "../shared/retry.ts";
import type { SharedToken, SharedTokens } from "./ports.ts";
import type { TokenCacheKey } from "./token-cache.ts";

/** Milliseconds that one instance waits for the mint of another. After that it mints itself. */
export const longestWaitMs = 2_000;
/**
 * Milliseconds before its further looks at the shared cache; most mints take less than the first. Jittered, so that
 * instances do not poll at the same time. Rarely it asks again for the claim, which is given up when a mint fails.
 */
const looks = [
  { waitMs: 150, claims: false },
  { waitMs: 250, claims: false },
  { waitMs: 400, claims: true },
  { waitMs: 600, claims: false },
  { waitMs: 600, claims: false },
];

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
  const first = await lookAndClaim(key, isAnswer, sharedTokens, signal);
  if (first !== "held") return first;
  for (const { waitMs, claims } of looks) {
    try {
      await sleep(waitMs * (0.5 + random()), signal);
    } catch {
      return undefined; // waited long enough
    }
    const token = await sharedTokens.find(key);
    if (token && isAnswer(token)) return token;
    if (signal.aborted) return undefined;
    if (claims && (await sharedTokens.claim(key)) !== "held") return undefined;
  }
  return undefined;
}

/**
 * The token, or `held` where another instance mints it, or undefined. Both are asked for at once, so that a mint waits
 * for one of them, and a claim that was not needed is given up; but in a burst, which a start or a scale-out is, the
 * claim only where there is no token.
 */
async function lookAndClaim(
  key: TokenCacheKey,
  isAnswer: (token: SharedToken) => boolean,
  sharedTokens: SharedTokens,
  signal: AbortSignal,
): Promise<SharedToken | "held" | undefined> {
  const claiming = sharedTokens.isBusy() ? undefined : sharedTokens.claim(key);
  const token = await sharedTokens.find(key);
  if (token && isAnswer(token)) {
    void claiming?.then((claim) => (claim === "granted" ? sharedTokens.release(key) : undefined));
    return token;
  }
  // In a burst even the look waits for its turn.
  if (!claiming && signal.aborted) return undefined;
  return (await (claiming ?? sharedTokens.claim(key))) === "held" ? "held" : undefined;
}
