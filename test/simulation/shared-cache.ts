import { mintDeadlineMs } from "../../src/domain/issuing/mint.ts";
import type { SharedToken, SharedTokens } from "../../src/domain/issuing/ports.ts";
import { type TokenCacheKey, tokenCacheKey } from "../../src/domain/issuing/token-cache.ts";
import type { Guid } from "../../src/domain/shared/guid.ts";

/** Milliseconds that a claim outlives the mint that it stands for, as in the adapter. */
const claimMs = mintDeadlineMs + 5_000;
/** Milliseconds after which a call that has no answer gives up. */
const patienceMs = 250;

/** What an instance does to reach the cache: its clock, the way there and back, and whether an answer gets lost. */
export interface WayToCache {
  instance: string;
  clock: () => number;
  io<T>(latencyMs: number, effect: () => T): Promise<T>;
  /** Before the effect, after it, or not at all. */
  losesAnswer: () => "before" | "after" | undefined;
}

/** The table of tokens that the instances share. Encryption is the adapter's affair, so there is none. */
export interface SharedCache {
  /** While set, no call has an answer. */
  isDown: boolean;
  of(way: WayToCache): SharedTokens;
}

export function createSharedCache(): SharedCache {
  const tokens = new Map<string, { token: SharedToken; clientId: Guid; tenantId: Guid }>();
  const claims = new Map<string, { instance: string; untilMs: number }>();
  return {
    isDown: false,
    of({ instance, clock, io, losesAnswer }) {
      const call = async <T>(otherwise: T, effect: () => T): Promise<T> => {
        const lost = this.isDown ? "before" : losesAnswer();
        if (!lost) return io(6, effect);
        await io(2 * patienceMs, () => (lost === "after" ? effect() : undefined));
        return otherwise;
      };
      return {
        isBusy: () => false,
        find: (key) =>
          call(undefined, () => {
            const found = tokens.get(tokenCacheKey(key))?.token;
            return found && found.expiresAt * 1000 > clock() ? found : undefined;
          }),
        claim: (key) =>
          call<"granted" | "held" | "unknown">("unknown", () => {
            const name = tokenCacheKey(key);
            const held = claims.get(name);
            if (held && held.instance !== instance && held.untilMs > clock()) return "held";
            claims.set(name, { instance, untilMs: clock() + claimMs });
            return "granted";
          }),
        store: (key: TokenCacheKey, token) =>
          call(undefined, () => {
            tokens.set(tokenCacheKey(key), { token, clientId: key.clientId, tenantId: key.tenantId });
          }),
        release: (key) =>
          call(undefined, () => {
            if (claims.get(tokenCacheKey(key))?.instance === instance) claims.delete(tokenCacheKey(key));
          }),
        sweep: (isWanted) =>
          call(undefined, () => {
            for (const [name, { token, clientId, tenantId }] of tokens) {
              if (token.expiresAt * 1000 <= clock() || !isWanted(token, clientId, tenantId)) tokens.delete(name);
            }
          }),
      };
    },
  };
}
