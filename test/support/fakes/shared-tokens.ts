import type { SharedToken, SharedTokens } from "../../../src/domain/issuing/ports.ts";
import { type TokenCacheKey, tokenCacheKey } from "../../../src/domain/issuing/token-cache.ts";

/** The shared cache of a fleet. `of` returns an instance's view of it. */
export function createFakeSharedCache() {
  const tokens = new Map<string, SharedToken>();
  const claims = new Map<string, string>();
  const finds: TokenCacheKey[] = [];
  return {
    tokens,
    /** The claiming instance by key. */
    claims,
    finds,
    /** While set, every read and write fails and reports it. */
    isDown: false,
    isBusy: false,
    of(instance: string): SharedTokens {
      const isDown = () => this.isDown;
      return {
        isBusy: () => this.isBusy,
        async find(key) {
          finds.push(key);
          return isDown() ? undefined : tokens.get(tokenCacheKey(key));
        },
        async claim(key) {
          if (isDown()) return "unknown";
          const name = tokenCacheKey(key);
          if (claims.has(name) && claims.get(name) !== instance) return "held";
          claims.set(name, instance);
          return "granted";
        },
        async store(key, token) {
          if (!isDown()) tokens.set(tokenCacheKey(key), token);
        },
        async release(key) {
          if (claims.get(tokenCacheKey(key)) === instance) claims.delete(tokenCacheKey(key));
        },
        async sweep() {},
      };
    },
  };
}
