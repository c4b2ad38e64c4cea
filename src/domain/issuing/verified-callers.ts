import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Caller } from "../policy/access-policy.ts";
import { lazily } from "../shared/lazily.ts";

/**
 * Callers' tokens that were verified, so that a token that is presented a thousand times is verified once. Keyed by the
 * SHA-256 of the whole token, so a token that differs in one character is a different one. A result is valid as long as
 * the token's own times and the key are; both are checked each time. Refusals are not cached, because anybody can cause
 * them.
 */
export interface VerifiedCallers {
  find(callerToken: string): VerifiedToken | undefined;
  remember(callerToken: string, token: VerifiedToken): void;
}

export interface VerifiedToken {
  caller: Caller;
  kid: string;
  /** The key object from its source. A different object is a different key. */
  key: unknown;
  /** `nbf` and `exp`, seconds since 1970. */
  notBefore: number;
  expiresAt: number;
}

/** About 200 bytes each. A workload gets a new token every few hours. */
const maxTokens = 10_000;

/** An empty cache, keyed by the SHA-256 of the token so that no token is kept in it. */
export function createVerifiedCallers(): VerifiedCallers {
  const tokens = lazily(() => new LRUCache<string, VerifiedToken>({ max: maxTokens }));
  const keyOf = (callerToken: string) => hash("sha256", callerToken);
  return {
    find: (callerToken) => tokens().get(keyOf(callerToken)),
    remember: (callerToken, token) => void tokens().set(keyOf(callerToken), token),
  };
}
