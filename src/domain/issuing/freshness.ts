import type { AccessPolicy, TenantRule } from "../policy/access-policy.ts";
import type { Guid } from "../shared/guid.ts";
import type { CachedToken } from "./token-cache.ts";

/**
 * A caller's demand for a new token although a valid one is cached: `no-cache`, because something has changed, such as
 * a permission; or with claims (JSON), because the resource rejected the cached one (a claims challenge).
 */
export type Demand = "no-cache" | { claims: string };

type Minted = Pick<CachedToken, "mintedAtMs">;

/** Milliseconds in which one cache key mints at most once on demand; within them, the token just minted is returned. */
export const demandIntervalMs = 60_000;

/** Whether a cached token answers this request, as far as its age goes. */
export function satisfies(token: Minted, demand: Demand | undefined, nowMs: number): boolean {
  return demand === undefined || token.mintedAtMs > nowMs - demandIntervalMs;
}

/**
 * Whether a cached token is the answer when a new one cannot be minted. Not if the resource rejected it: the caller
 * would only get the same rejection again.
 */
export function acceptsOlder(demand: Demand | undefined): boolean {
  return demand === undefined || demand === "no-cache";
}

/**
 * The key by which a mint and its failure are remembered. Requests with claims have a separate key, so that claims
 * which Entra refuses affect no other request. It cannot equal a cache key, whose last part is a scope.
 */
export function mintKeyOf(cacheKey: string, demand: Demand | undefined): string {
  return acceptsOlder(demand) ? cacheKey : `${cacheKey} claims`;
}

/** A correction of the clock by this much is harmless: a served token has a longer remaining lifetime. */
const clockToleranceMs = 60_000;

/** Minted by a clock that was ahead and is corrected now: neither its age nor its expiry is known. */
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
