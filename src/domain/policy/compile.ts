import { type Guid, parseGuid } from "../shared/guid.ts";
import { multiTenants, parseMetadataTenant, sourceName } from "../shared/metadata-source.ts";
import { parseScope } from "../shared/scope.ts";
import {
  type AccessPolicy,
  allActiveTenants,
  type CallerRule,
  type ClientRule,
  type GrantRule,
  grantKey,
  type MetadataRule,
  type TenantRule,
} from "./access-policy.ts";
import { compileClient, compilePublisher } from "./compile-client.ts";
import type { GrantDocument, MetadataDocument, PolicyDocument, TenantDocument } from "./document.ts";
import { applicationIdOf, isDirectoryGraph, isMicrosoftApplication } from "./grantable.ts";
import type { PolicyContext, PolicyProblem, Report } from "./problem.ts";

/**
 * Compiles a document whose shape is already checked. Everything that points somewhere must arrive, and nothing may
 * be said twice; all problems are reported at once, and one is enough to refuse the whole policy.
 */
export function compilePolicy(document: PolicyDocument, context: PolicyContext): AccessPolicy | PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const report = (path: string, rule: string) => problems.push({ path, rule });
  const clients = index(document.clients, "clients", "clientId", report, (client, id, path) =>
    compileClient(client, id, path, context, report),
  );
  const tenants = index(document.tenants, "tenants", "tenantId", report, (tenant, tenantId, path): TenantRule => {
    if (tenant.name === "all-active")
      report(`${path}.name`, 'must not be "all-active": grants use it for every tenant');
    const tokensNotBeforeMs = compileTokensNotBefore(tenant, path, context.nowMs, report);
    const rule = { name: tenant.name, tenantId, isActive: tenant.state === "active" };
    return tokensNotBeforeMs === undefined ? rule : { ...rule, tokensNotBeforeMs };
  });
  const callers = index(document.callers, "callers", "objectId", report, (caller, objectId, path): CallerRule => {
    if (parseGuid(caller.tenantId) !== context.homeTenantId) {
      report(`${path}.tenantId`, "must be the home tenant: only internal services may call");
    }
    const azp = caller.azp === undefined ? undefined : parseGuid(caller.azp);
    if (caller.azp !== undefined && azp === undefined) report(`${path}.azp`, "must be a GUID");
    return { name: caller.name, objectId, isActive: caller.state === "active", ...(azp === undefined ? {} : { azp }) };
  });
  const homeApis = compileHomeApis(document, context, report);
  const withheld: PolicyProblem[] = [];
  const rules = { clients, tenants, callers, homeApis, homeTenantId: context.homeTenantId };
  const withhold = (path: string, rule: string) => withheld.push({ path, rule });
  const grants = new Map<string, GrantRule>();
  document.grants.forEach((grant, i) => {
    addGrant(grants, grant, `grants[${i}]`, rules, report, withhold);
  });
  const metadata = compileMetadata(document.metadata, report);
  const publisher = compilePublisher(document, context, report);
  if (problems.length > 0) return problems;
  return {
    homeTenantId: context.homeTenantId,
    clients: byId(clients, (client) => client.clientId),
    tenants: byId(tenants, (tenant) => tenant.tenantId),
    callers: byId(callers, (caller) => caller.objectId),
    grants,
    homeApis,
    withheld,
    metadata,
    ...(publisher ? { publisher } : {}),
  };
}

const placeholder = "" as Guid;

/** The clock of whoever wrote the policy may be ahead of ours by so much. */
const maxClockAheadMs = 300_000;

/** A time ahead of us counts as now: otherwise no token would be new enough to be cached until then. */
function compileTokensNotBefore(
  { tokensNotBefore }: TenantDocument,
  path: string,
  nowMs: number,
  report: Report,
): number | undefined {
  if (tokensNotBefore === undefined) return undefined;
  const timeMs = Date.parse(tokensNotBefore);
  if (Number.isNaN(timeMs)) report(`${path}.tokensNotBefore`, "must be an RFC 3339 time");
  if (timeMs > nowMs + maxClockAheadMs) report(`${path}.tokensNotBefore`, "must not lie in the future");
  return Math.min(timeMs, nowMs);
}

/** Rules by name, with names and ids unique. */
function index<D extends { name: string }, K extends keyof D & string, R>(
  documents: readonly D[],
  list: string,
  idKey: K,
  report: Report,
  compile: (document: D, id: Guid, path: string) => R | undefined,
): Map<string, R> {
  const rules = new Map<string, R>();
  const ids = new Set<string>();
  for (const [i, document] of documents.entries()) {
    const path = `${list}[${i}]`;
    const id = parseGuid(document[idKey]);
    if (id === undefined) report(`${path}.${idKey}`, "must be a GUID");
    if (rules.has(document.name)) report(`${path}.name`, `must be unique among ${list}`);
    if (id !== undefined && ids.has(id)) report(`${path}.${idKey}`, `must be unique among ${list}`);
    if (id !== undefined) ids.add(id);
    // Also without an id, so that what else is wrong with the entry is told at once.
    const rule = compile(document, id ?? placeholder, path);
    if (rule !== undefined && id !== undefined) rules.set(document.name, rule);
  }
  return rules;
}

function compileHomeApis(
  { homeApis }: PolicyDocument,
  { keyholdApplicationId }: PolicyContext,
  report: Report,
): ReadonlySet<Guid> {
  const ids = index(homeApis, "homeApis", "applicationId", report, (_, id, path) => {
    if (isMicrosoftApplication(id))
      report(`${path}.applicationId`, "must be an API of your own, not one of Microsoft's");
    if (id === keyholdApplicationId) report(`${path}.applicationId`, "must not be Keyhold itself");
    return id;
  });
  return new Set(ids.values());
}

function compileMetadata(documents: readonly MetadataDocument[], report: Report): Map<string, MetadataRule> {
  const rules = new Map<string, MetadataRule>();
  for (const [i, { tenant: tenantText, appId: appIdText, onDiscontinuity }] of documents.entries()) {
    const path = `metadata[${i}]`;
    const tenant = parseMetadataTenant(tenantText);
    const appId = parseGuid(appIdText);
    if (tenant === undefined) {
      report(`${path}.tenant`, `must be a GUID or one of ${multiTenants.join(", ")}`);
      continue;
    }
    if (appIdText !== undefined && appId === undefined) report(`${path}.appId`, "must be a GUID");
    const rule = { tenant, ...(appId === undefined ? {} : { appId }), onDiscontinuity };
    if (rules.has(sourceName(rule))) report(path, "must be unique among metadata");
    rules.set(sourceName(rule), rule);
  }
  return rules;
}

function addGrant(
  grants: Map<string, GrantRule>,
  grant: GrantDocument,
  path: string,
  rules: {
    clients: Map<string, ClientRule>;
    tenants: Map<string, TenantRule>;
    callers: Map<string, CallerRule>;
    homeApis: ReadonlySet<Guid>;
    homeTenantId: Guid;
  },
  report: Report,
  withhold: Report,
): void {
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
  for (const tenantId of tenantIdsOf(grant, path, rules.tenants, report)) {
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
    grants.set(key, {
      tokenScopes: new Set([...(before?.tokenScopes ?? []), ...(issuesToken ? scopes : [])]),
      issuesAssertion: issuesAssertion || (before?.issuesAssertion ?? false),
    });
  }
}

/** Not a refusal of the whole policy: earlier versions granted these, and all other grants are still valid. */
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
  tenants: Map<string, TenantRule>,
  report: Report,
): (Guid | typeof allActiveTenants)[] {
  if (grant.tenants === "all-active") return [allActiveTenants];
  return grant.tenants.flatMap((name, i) => {
    const tenant = tenants.get(name);
    if (!tenant) report(`${path}.tenants[${i}]`, "must be the name of an entry of tenants that is itself valid");
    return tenant ? [tenant.tenantId] : [];
  });
}

function byId<R>(rules: Map<string, R>, idOf: (rule: R) => Guid): Map<Guid, R> {
  return new Map([...rules.values()].map((rule) => [idOf(rule), rule]));
}
