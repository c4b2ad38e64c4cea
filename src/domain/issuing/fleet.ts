import type { RetryPorts, StartDeadline } from "../shared/retry.ts";
import type { SharedToken, SharedTokens } from "./ports.ts";
import type { TokenCacheKey } from "./token-cache.ts";

/** Milliseconds that one instance waits for another to mint. After that it mints the token itself. */
export const longestWaitMs = 2_000;
/**
 * Milliseconds before each further look at the shared cache; most mints are done before the first. Jittered, so that
 * instances do not poll at the same time. `claims`: also ask for the claim again, because an instance releases it when
 * its mint fails.
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
 * The token that another instance has minted or is minting. Undefined: this instance must mint it. If several instances
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
      return undefined; // the deadline has passed
    }
    const token = await sharedTokens.find(key);
    if (token && isAnswer(token)) return token;
    if (signal.aborted) return undefined;
    if (claims && (await sharedTokens.claim(key)) !== "held") return undefined;
  }
  return undefined;
}

/**
 * The token, `held` if another instance is minting it, or undefined. Token and claim are requested in parallel, so that
 * a mint waits for one round trip only; a claim that was not needed is released. In a burst, such as a start or a
 * scale-out, the claim is requested only if there is no token.
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
  // In a burst even this look waits for its turn, so the deadline may have passed.
  if (!claiming && signal.aborted) return undefined;
  return (await (claiming ?? sharedTokens.claim(key))) === "held" ? "held" : undefined;
}
