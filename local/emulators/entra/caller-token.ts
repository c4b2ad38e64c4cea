/** Tokens that callers present to an API of the home tenant. A hostile test can change any claim. */
import { randomUUID } from "node:crypto";
import { tokenTimes, v2Claims } from "./access-token.ts";
import { rolesFor } from "./managed-identity-endpoint.ts";
import type { EntraState } from "./state.ts";

/** Uses the claims of the managed identity named by `azp`, if it exists; `claims` replace and extend them. */
export function issueCallerToken(
  state: EntraState,
  claims: Record<string, unknown>,
  options: { tenantId?: string | undefined; expiresInSeconds?: number | undefined } = {},
): Promise<string> {
  const tenantId = options.tenantId?.toLowerCase() ?? state.homeTenantId;
  const times = tokenTimes(state.now(), options.expiresInSeconds ?? state.lifetimeSeconds());
  const clientId = typeof claims.azp === "string" ? claims.azp : randomUUID();
  const audience = typeof claims.aud === "string" ? claims.aud : randomUUID();
  const identity = state.identities.byClientId(clientId);
  const objectId = identity?.objectId ?? state.tenants.servicePrincipalId(tenantId, clientId);
  const roles = identity && rolesFor(identity, audience);
  const base = v2Claims({ tenantId, clientId, objectId, roles }, audience, times, state.authorityHost);
  return state.keys.sign({ ...base, ...claims }, tenantId);
}
