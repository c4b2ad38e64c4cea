import type { AccessPolicy, TenantRule } from "../policy/access-policy.ts";
import type { Guid } from "../shared/guid.ts";
import type { CachedToken } from "./token-cache.ts";

/**
 * A caller's demand for a new token although a valid one is cached. `no-cache`: something has changed, such as a
 * permission. `claims` (JSON): the resource rejected the cached token with a claims challenge.
 */
export type Demand = "no-cache" | { claims: string };

type Minted = Pick<CachedToken, "mintedAtMs">;

/** Milliseconds. Within this time one cache key is minted at most once on demand; further demands get that token. */
export const demandIntervalMs = 60_000;

/** Whether a cached token is new enough for this request. */
export function satisfies(token: Minted, demand: Demand | undefined, nowMs: number): boolean {
  return demand === undefined || token.mintedAtMs > nowMs - demandIntervalMs;
}

/**
 * Whether a cached token may be returned when a new one cannot be minted. Not if the resource rejected it: the caller
 * would only get the same rejection again.
 */
export function acceptsOlder(demand: Demand | undefined): boolean {
  return demand === undefined || demand === "no-cache";
}

/**
 * The key under which a mint in progress and its failure are stored. Requests with claims have a separate key, so that
 * claims which Entra refuses affect no other request. It cannot equal a cache key, because a cache key ends with a
 * scope.
 */
export function mintKeyOf(cacheKey: string, demand: Demand | undefined): string {
  return acceptsOlder(demand) ? cacheKey : `${cacheKey} claims`;
}

/** Milliseconds. A clock correction of this size is harmless, because every served token has more lifetime left. */
const clockToleranceMs = 60_000;

/**
 * Whether the token was minted while our clock was ahead, and the clock has been corrected since. Then neither its age
 * nor its expiry is known.
 */
export function isFromTheFuture(token: Minted, nowMs: number): boolean {
  return token.mintedAtMs > nowMs + clockToleranceMs;
}

/** Whether the policy lets this token be served: its client and tenant are active, and it is not too old for them. */
export function isWanted(token: Minted, policy: AccessPolicy, clientId: Guid, tenantId: Guid): boolean {
  const tenant = policy.tenants.get(tenantId);
  return Boolean(policy.clients.get(clientId)?.isActive && tenant?.isActive && isNewEnough(token, tenant));
}

/** Whether it was minted since the tenant's tokens were last discarded (`tokensNotBefore`). */
export function isNewEnough(token: Minted, { tokensNotBeforeMs = 0 }: TenantRule): boolean {
  return token.mintedAtMs >= tokensNotBeforeMs;
}
