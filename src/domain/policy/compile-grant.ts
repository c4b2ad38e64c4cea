import type { Guid } from "../shared/guid.ts";
import { parseScope } from "../shared/scope.ts";
import type { Steps } from "../shared/steps.ts";
import {
  allActiveTenants,
  type CallerRule,
  type ClientRule,
  type GrantRule,
  grantKey,
  type TenantRule,
} from "./access-policy.ts";
import type { GrantDocument } from "./document.ts";
import { applicationIdOf, isDirectoryGraph } from "./grantable.ts";
import type { Report } from "./problem.ts";

/** What grants refer to: rules by name, and what the home tenant allows. */
export interface NamedRules {
  clients: ReadonlyMap<string, ClientRule>;
  tenants: ReadonlyMap<string, TenantRule>;
  callers: ReadonlyMap<string, CallerRule>;
  homeApis: ReadonlySet<Guid>;
  homeTenantId: Guid;
}

/** Adds the rights of one grant to `grants`. `withhold` notes scopes that the home tenant refuses. */
export function* addGrant(
  grants: Map<string, GrantRule>,
  grant: GrantDocument,
  path: string,
  rules: NamedRules,
  report: Report,
  withhold: Report,
): Steps<void> {
  const caller = rules.callers.get(grant.caller);
  if (!caller) report(`${path}.caller`, "must be the name of an entry of callers that is itself valid");
  const client = rules.clients.get(grant.client);
  if (!client) report(`${path}.client`, "must be the name of an entry of clients that is itself valid");
  const issuesToken = grant.issues.includes("token");
  const issuesAssertion = grant.issues.includes("assertion");
  if (issuesAssertion && client?.federation) {
    report(
      `${path}.issues`,
      "must not hand out assertions of a client with managedIdentityFederation: that is its token",
    );
  }
  if (issuesToken && grant.scopes.length === 0)
    report(`${path}.scopes`, "must name at least one scope to issue tokens");
  if (!issuesToken && grant.scopes.length > 0) {
    report(`${path}.scopes`, 'must be empty for "assertion" alone: an assertion cannot be bound to a scope');
  }
  const scopes = grant.scopes.flatMap((text, i) => {
    const scope = parseScope(text);
    if (scope === undefined) report(`${path}.scopes[${i}]`, "must be <resource>/.default");
    return scope === undefined ? [] : [scope];
  });
  // Most keys come from one grant, so they share its rule.
  const rule = { tokenScopes: new Set<string>(scopes), issuesAssertion };
  for (const tenantId of tenantIdsOf(grant, path, rules.tenants, report)) {
    yield;
    if (tenantId === rules.homeTenantId && (issuesAssertion || scopes.some(isDirectoryGraph))) {
      report(
        path,
        "must not reach Microsoft Graph in the home tenant: whoever does can add a credential to the client",
      );
    }
    if (tenantId === rules.homeTenantId) withholdOthers(grant, path, rules.homeApis, withhold);
    if (!caller || !client) continue;
    const key = grantKey(caller.objectId, client.clientId, tenantId);
    const before = grants.get(key);
    grants.set(key, before ? union(before, rule) : rule);
  }
}

function union(one: GrantRule, other: GrantRule): GrantRule {
  return {
    tokenScopes: new Set([...one.tokenScopes, ...other.tokenScopes]),
    issuesAssertion: one.issuesAssertion || other.issuesAssertion,
  };
}

/**
 * These scopes do not make the whole policy invalid: earlier versions granted them, and all other grants are still
 * valid.
 */
function withholdOthers(grant: GrantDocument, path: string, homeApis: ReadonlySet<Guid>, withhold: Report): void {
  grant.scopes.forEach((text, i) => {
    const scope = parseScope(text);
    const id = scope && applicationIdOf(scope);
    if (scope === undefined || (id !== undefined && homeApis.has(id))) return;
    withhold(
      `${path}.scopes[${i}]`,
      "is not granted in the home tenant: only APIs of your own are, as <application id>/.default with the application " +
        "id listed in homeApis",
    );
  });
}

function tenantIdsOf(
  grant: GrantDocument,
  path: string,
  tenants: ReadonlyMap<string, TenantRule>,
  report: Report,
): (Guid | typeof allActiveTenants)[] {
  if (grant.tenants === "all-active") return [allActiveTenants];
  return grant.tenants.flatMap((name, i) => {
    const tenant = tenants.get(name);
    if (!tenant) report(`${path}.tenants[${i}]`, "must be the name of an entry of tenants that is itself valid");
    return tenant ? [tenant.tenantId] : [];
  });
}
