import type { Guid } from "../shared/guid.ts";
import type { Scope } from "../shared/scope.ts";
import { type AccessPolicy, type Ask, allActiveTenants, authorize, type GrantRule } from "./access-policy.ts";

/** One right: the caller may act as the client in the tenant, with a token for a scope or with an assertion. */
export type Right = {
  callerId: Guid;
  clientId: Guid;
  /** `*` stands for every tenant added later, if a grant says `all-active`. */
  tenantId: Guid | typeof allActiveTenants;
} & Ask;

/**
 * All rights that a policy gives, by `rightKey`. Each was checked with `authorize`, so suspended or withheld rights are
 * not included. Their number is grants times tenants times scopes.
 */
export function rightsOf(policy: AccessPolicy): Map<string, Right> {
  const rights = new Map<string, Right>();
  for (const [key, rule] of policy.grants) {
    const [callerId, clientId, tenantId] = key.split(" ") as [Guid, Guid, Guid | typeof allActiveTenants];
    const tenantIds = tenantId === allActiveTenants ? [...policy.tenants.keys(), allActiveTenants] : [tenantId];
    for (const each of tenantIds) {
      for (const ask of asksOf(rule)) {
        const right = { callerId, clientId, tenantId: each, ...ask } as Right;
        if (isGiven(policy, right)) rights.set(rightKey(right), right);
      }
    }
  }
  return rights;
}

function asksOf({ tokenScopes, issuesAssertion }: GrantRule): Ask[] {
  const tokens = [...tokenScopes].map((scope): Ask => ({ issues: "token", scope: scope as Scope }));
  return issuesAssertion ? [...tokens, { issues: "assertion" }] : tokens;
}

function isGiven(policy: AccessPolicy, { callerId, tenantId, ...request }: Right): boolean {
  const caller = policy.callers.get(callerId);
  if (tenantId === allActiveTenants) return Boolean(caller?.isActive && policy.clients.get(request.clientId)?.isActive);
  const asked = { tenantId: policy.homeTenantId, objectId: callerId, azp: caller?.azp };
  return authorize(policy, asked, { ...request, tenantId }).ok;
}

/** The key of a right. Equal rights have equal keys under any policy. */
export function rightKey(right: Right): string {
  const { callerId, clientId, tenantId } = right;
  return [callerId, clientId, tenantId, right.issues, right.issues === "token" ? right.scope : ""].join(" ");
}
