import type { AccessPolicy, TenantRule } from "../policy/access-policy.ts";
import type { Guid } from "../shared/guid.ts";
import type { CachedToken } from "./token-cache.ts";

/** Whether the policy lets this token be served: its client and tenant are active, and it is not too old for them. */
export function isWanted(token: CachedToken, policy: AccessPolicy, clientId: Guid, tenantId: Guid): boolean {
  const tenant = policy.tenants.get(tenantId);
  return Boolean(policy.clients.get(clientId)?.isActive && tenant?.isActive && isNewEnough(token, tenant));
}

/** Whether it was minted since the tenant's tokens were last discarded (`tokensNotBefore`). */
export function isNewEnough(token: CachedToken, { tokensNotBeforeMs = 0 }: TenantRule): boolean {
  return token.mintedAtMs >= tokensNotBeforeMs;
}
