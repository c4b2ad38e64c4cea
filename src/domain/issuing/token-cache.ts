import { LRUCache } from "lru-cache";
import type { CloudName } from "../shared/cloud.ts";
import type { Guid } from "../shared/guid.ts";
import { lazily } from "../shared/lazily.ts";
import type { Scope } from "../shared/scope.ts";

/** An access token that Entra issued. Kept in memory only. Times without a unit are seconds since 1970. */
export interface CachedToken {
  accessToken: string;
  expiresAt: number;
  /** When its mint started, milliseconds since 1970. The token has all permissions that were granted before then. */
  mintedAtMs: number;
  /**
   * From this time on a request renews it in the background. Moved ahead while a renewal runs or after it has failed.
   */
  refreshAt: number;
}

/**
 * Everything that a token depends on. The caller is not part of it, because callers are authorized on every request.
 */
export interface TokenCacheKey {
  cloud: CloudName;
  clientId: Guid;
  tenantId: Guid;
  scope: Scope;
}

/**
 * The key as an unambiguous string: GUIDs, cloud names and scopes contain no space. Uses `join`, because V8 keeps a
 * template string of this length as a tree of its parts, which would retain the request's strings.
 */
export function tokenCacheKey({ cloud, clientId, tenantId, scope }: TokenCacheKey): string {
  return [cloud, clientId, tenantId, scope].join(" ");
}

export interface TokenCache {
  /** A token that is still valid, perhaps not for long. */
  get(key: string, nowSeconds: number): CachedToken | undefined;
  set(key: string, token: CachedToken): void;
  /** Drops every token that is no longer wanted, for example after a suspension. */
  retain(isWanted: (token: CachedToken, clientId: Guid, tenantId: Guid) => boolean): void;
  /** The number of tokens for which `fits` returns true. */
  count(fits: (token: CachedToken) => boolean): number;
  readonly size: number;
}

/** Upper bound for an entry without its strings: map slots, object and list links (measured: a third of it). */
const entryOverheadBytes = 400;

/**
 * Bounded by count and by bytes; the least recently used token is dropped first (T13: many cold keys cannot fill
 * memory).
 */
export function createTokenCache(limits: { maxTokens: number; maxBytes: number }): TokenCache {
  const entries = lazily(
    () =>
      new LRUCache<string, CachedToken>({
        max: limits.maxTokens,
        maxSize: limits.maxBytes,
        sizeCalculation: (token, key) => token.accessToken.length + key.length + entryOverheadBytes,
      }),
  );
  return {
    get(key, nowSeconds) {
      const token = entries().get(key);
      if (token === undefined || token.expiresAt > nowSeconds) return token;
      entries().delete(key);
      return undefined;
    },
    set: (key, token) => void entries().set(key, token),
    retain(isWanted) {
      for (const [key, token] of entries().entries()) {
        const [, clientId, tenantId] = key.split(" ") as [string, Guid, Guid];
        if (!isWanted(token, clientId, tenantId)) entries().delete(key);
      }
    },
    count: (fits) =>
      entries()
        .values()
        .reduce((count, token) => (fits(token) ? count + 1 : count), 0),
    get size() {
      return entries().size;
    },
  };
}
