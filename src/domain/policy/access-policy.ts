import type { Guid } from "../shared/guid.ts";
import type { MetadataSource, OnDiscontinuity } from "../shared/metadata-source.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import type { Scope } from "../shared/scope.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import { applicationIdOf } from "./grantable.ts";
import type { PolicyProblem } from "./problem.ts";

/**
 * The compiled policy: who may get what. It contains only maps with exact keys: no patterns, no prefixes, no order. So
 * nothing is granted that is not written, and a lookup costs the same for any number of grants.
 */
export interface AccessPolicy {
  homeTenantId: Guid;
  clients: ReadonlyMap<Guid, ClientRule>;
  tenants: ReadonlyMap<Guid, TenantRule>;
  callers: ReadonlyMap<Guid, CallerRule>;
  /** By `grantKey`. Grants for `all-active` have the tenant `*`. */
  grants: ReadonlyMap<string, GrantRule>;
  /** Application ids of our own APIs: the only resources in the home tenant. */
  homeApis: ReadonlySet<Guid>;
  /** Scopes in grants that the home tenant does not allow, by path. */
  withheld: readonly PolicyProblem[];
  /** By source name. */
  metadata: ReadonlyMap<string, MetadataRule>;
  publisher?: PublisherRule | undefined;
}

export interface MetadataRule extends MetadataSource {
  onDiscontinuity: OnDiscontinuity;
}

export interface ClientRule {
  name: string;
  clientId: Guid;
  isActive: boolean;
  /** At least one, in the order of the policy; none for a client with `federation`. */
  certificates: readonly SigningCertificate[];
  /** The managed identity whose token is the assertion (RFC 7523), if there is no key. */
  federation?: { identityClientId: Guid; identityObjectId: Guid };
}

/**
 * The certificates that sign for relying parties. The policy decides which one signs, not a canary, because relying
 * parties trust them.
 */
export interface PublisherRule {
  active: PublisherCertificate;
  /** All certificates, including the active one. */
  certificates: readonly PublisherCertificate[];
}

export interface PublisherCertificate extends SigningCertificate {
  state: "staged" | "active" | "retiring";
}

export interface TenantRule {
  name: string;
  tenantId: Guid;
  isActive: boolean;
  /** Milliseconds since 1970, never in the future. Tokens that were minted earlier are not served. */
  tokensNotBeforeMs?: number | undefined;
}

export interface CallerRule {
  name: string;
  objectId: Guid;
  azp?: Guid | undefined;
  isActive: boolean;
}

export interface GrantRule {
  tokenScopes: ReadonlySet<string>;
  issuesAssertion: boolean;
}

/** The names of all keys that sign under this policy. */
export function keyNamesOf({ clients, publisher }: AccessPolicy): string[] {
  const ofClients = [...clients.values()].flatMap(({ certificates }) => certificates);
  return [...new Set([...ofClients, ...(publisher?.certificates ?? [])].map(({ keyName }) => keyName))];
}

/** One key URL for each vault that signs for callers. */
export function vaultKeysOf({ clients }: AccessPolicy): string[] {
  const keyIds = [...clients.values()].flatMap(({ certificates }) => certificates.map(({ keyId }) => keyId));
  return [...new Map(keyIds.map((keyId) => [new URL(keyId).host, keyId])).values()];
}

/** The internal workload that calls us. Not to be confused with `client`, our app registration. */
export interface Caller {
  tenantId: Guid;
  objectId: Guid;
  /** Client id of the workload's identity (`azp`). */
  azp: Guid | undefined;
}

/** Why nothing was granted; for the operator only. */
export type GrantRefusal = {
  reason: "not_granted";
  callerObjectId: Guid;
  because:
    | "caller_unknown"
    | "caller_suspended"
    | "caller_azp_mismatch"
    | "client_unknown"
    | "client_suspended"
    | "tenant_unknown"
    | "tenant_suspended"
    | "no_grant"
    | "home_tenant_resource";
};

/** What is requested: a token for a scope, or an assertion, which cannot be limited to a scope. */
export type Ask = { issues: "token"; scope: Scope } | { issues: "assertion" };

export interface Authorization {
  caller: CallerRule;
  client: ClientRule;
  tenant: TenantRule;
}

/** The tenant part of the key of a grant that says `"tenants": "all-active"`. */
export const allActiveTenants = "*";

/** The key of a grant in the compiled policy: three ids, or two ids and `*` for all active tenants. */
export function grantKey(callerObjectId: Guid, clientId: Guid, tenantId: Guid | typeof allActiveTenants): string {
  return `${callerObjectId} ${clientId} ${tenantId}`;
}

/**
 * Decides whether `caller` may act as the client in the tenant. Deny by default; a state other than active denies.
 * Pure: no I/O (invariant I2). The reason in the refusal is for the operator; the caller gets the same answer for all
 * reasons.
 */
export function authorize(
  policy: AccessPolicy,
  caller: Caller,
  request: { clientId: Guid; tenantId: Guid } & Ask,
): Result<Authorization, GrantRefusal> {
  const deny = (because: GrantRefusal["because"]) =>
    refuse({ reason: "not_granted" as const, callerObjectId: caller.objectId, because });
  const callerRule = policy.callers.get(caller.objectId);
  if (!callerRule) return deny("caller_unknown");
  if (!callerRule.isActive) return deny("caller_suspended");
  if (callerRule.azp !== undefined && callerRule.azp !== caller.azp) return deny("caller_azp_mismatch");
  const client = policy.clients.get(request.clientId);
  if (!client) return deny("client_unknown");
  if (!client.isActive) return deny("client_suspended");
  const tenant = policy.tenants.get(request.tenantId);
  if (!tenant) return deny("tenant_unknown");
  if (!tenant.isActive) return deny("tenant_suspended");
  const isHomeTenant = tenant.tenantId === policy.homeTenantId;
  if (isHomeTenant && !isForHomeApi(policy, request)) return deny("home_tenant_resource");
  const grantIn = (tenants: Guid | typeof allActiveTenants) =>
    policy.grants.get(grantKey(callerRule.objectId, client.clientId, tenants));
  // `all-active` never means the home tenant: a token for the company's own directory must be granted explicitly.
  const isGranted =
    allows(grantIn(tenant.tenantId), request) || (!isHomeTenant && allows(grantIn(allActiveTenants), request));
  if (!isGranted) return deny("no_grant");
  return ok({ caller: callerRule, client, tenant });
}

/**
 * Whether the request is for one of our own APIs. Nothing else is allowed in the home tenant: a token for a control
 * plane there could add a credential to our own application, or take over the vault (T8), and an assertion can be
 * redeemed for any scope.
 */
function isForHomeApi({ homeApis }: AccessPolicy, ask: Ask): boolean {
  const id = ask.issues === "token" ? applicationIdOf(ask.scope) : undefined;
  return id !== undefined && homeApis.has(id);
}

function allows(grant: GrantRule | undefined, ask: Ask): boolean {
  if (!grant) return false;
  return ask.issues === "assertion" ? grant.issuesAssertion : grant.tokenScopes.has(ask.scope);
}
