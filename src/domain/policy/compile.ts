import { type Guid, parseGuid } from "../shared/guid.ts";
import { multiTenants, parseMetadataTenant, sourceName } from "../shared/metadata-source.ts";
import { atOnce, type Steps } from "../shared/steps.ts";
import type { AccessPolicy, CallerRule, GrantRule, MetadataRule, TenantRule } from "./access-policy.ts";
import { compileClient } from "./compile-client.ts";
import { addGrant } from "./compile-grant.ts";
import { compilePublisher } from "./compile-publisher.ts";
import type { CallerDocument, MetadataDocument, PolicyDocument, TenantDocument } from "./document.ts";
import { isMicrosoftApplication } from "./grantable.ts";
import type { PolicyContext, PolicyProblem, Report } from "./problem.ts";

/**
 * Compiles a document whose shape is already checked. Every reference must resolve, and nothing may be defined twice.
 * All problems are reported at once; a single one makes the whole policy invalid.
 */
export function compilePolicy(document: PolicyDocument, context: PolicyContext): AccessPolicy | PolicyProblem[] {
  return atOnce(policySteps(document, context));
}

/** The same in steps: one entry, certificate or tenant name of a grant at a time. */
export function* policySteps(document: PolicyDocument, context: PolicyContext): Steps<AccessPolicy | PolicyProblem[]> {
  const problems: PolicyProblem[] = [];
  const report = (path: string, rule: string) => problems.push({ path, rule });
  const clients = yield* index(document.clients, "clients", "clientId", report, (client, id, path) =>
    compileClient(client, id, path, context, report),
  );
  const tenants = yield* index(document.tenants, "tenants", "tenantId", report, (tenant, id, path) =>
    compileTenant(tenant, id, path, context.nowMs, report),
  );
  const callers = yield* index(document.callers, "callers", "objectId", report, (caller, id, path) =>
    compileCaller(caller, id, path, context.homeTenantId, report),
  );
  const homeApis = yield* compileHomeApis(document, context, report);
  const withheld: PolicyProblem[] = [];
  const rules = { clients, tenants, callers, homeApis, homeTenantId: context.homeTenantId };
  const withhold = (path: string, rule: string) => withheld.push({ path, rule });
  const grants = new Map<string, GrantRule>();
  for (const [i, grant] of document.grants.entries()) {
    yield* addGrant(grants, grant, `grants[${i}]`, rules, report, withhold);
  }
  const metadata = yield* compileMetadata(document.metadata, report);
  const publisher = yield* compilePublisher(document, context, report);
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
    publisher,
  };
}

function compileTenant(
  tenant: TenantDocument,
  tenantId: Guid,
  path: string,
  nowMs: number,
  report: Report,
): TenantRule {
  if (tenant.name === "all-active") report(`${path}.name`, 'must not be "all-active": grants use it for every tenant');
  const tokensNotBeforeMs = compileTokensNotBefore(tenant, path, nowMs, report);
  return { name: tenant.name, tenantId, isActive: tenant.state === "active", tokensNotBeforeMs };
}

function compileCaller(
  caller: CallerDocument,
  objectId: Guid,
  path: string,
  homeTenantId: Guid,
  report: Report,
): CallerRule {
  if (parseGuid(caller.tenantId) !== homeTenantId) {
    report(`${path}.tenantId`, "must be the home tenant: only internal services may call");
  }
  const azp = parseGuid(caller.azp);
  if (caller.azp !== undefined && azp === undefined) report(`${path}.azp`, "must be a GUID");
  return { name: caller.name, objectId, isActive: caller.state === "active", azp };
}

const placeholder = "" as Guid;

/** Milliseconds that the clock of the policy's author may be ahead of ours. */
const maxClockAheadMs = 300_000;

/**
 * A time in the future counts as now: otherwise, until then, no token would be new enough to be served from the cache.
 */
function compileTokensNotBefore(
  { tokensNotBefore }: TenantDocument,
  path: string,
  nowMs: number,
  report: Report,
): number | undefined {
  if (tokensNotBefore === undefined) return undefined;
  const timeMs = Date.parse(tokensNotBefore);
  if (Number.isNaN(timeMs)) report(`${path}.tokensNotBefore`, "must be an RFC 3339 time");
  if (timeMs > nowMs + maxClockAheadMs) report(`${path}.tokensNotBefore`, "must not be in the future");
  return Math.min(timeMs, nowMs);
}

/** Compiles the entries of a list into rules by name. Names and ids must be unique. */
function* index<D extends { name: string }, K extends keyof D & string, R>(
  documents: readonly D[],
  list: string,
  idKey: K,
  report: Report,
  compile: (document: D, id: Guid, path: string) => R | undefined,
): Steps<Map<string, R>> {
  const rules = new Map<string, R>();
  const ids = new Set<string>();
  for (const [i, document] of documents.entries()) {
    const path = `${list}[${i}]`;
    const id = parseGuid(document[idKey]);
    if (id === undefined) report(`${path}.${idKey}`, "must be a GUID");
    else if (ids.has(id)) report(`${path}.${idKey}`, `must be unique among ${list}`);
    else ids.add(id);
    if (rules.has(document.name)) report(`${path}.name`, `must be unique among ${list}`);
    // Compiled even if the id is invalid, so that all problems of the entry are reported at once.
    const rule = compile(document, id ?? placeholder, path);
    if (rule !== undefined && id !== undefined) rules.set(document.name, rule);
    yield;
  }
  return rules;
}

function* compileHomeApis(
  { homeApis }: PolicyDocument,
  { keyholdApplicationId }: PolicyContext,
  report: Report,
): Steps<ReadonlySet<Guid>> {
  const ids = yield* index(homeApis, "homeApis", "applicationId", report, (_, id, path) => {
    if (isMicrosoftApplication(id))
      report(`${path}.applicationId`, "must be an API of your own, not one of Microsoft's");
    if (id === keyholdApplicationId) report(`${path}.applicationId`, "must not be Keyhold itself");
    return id;
  });
  return new Set(ids.values());
}

function* compileMetadata(documents: readonly MetadataDocument[], report: Report): Steps<Map<string, MetadataRule>> {
  const rules = new Map<string, MetadataRule>();
  for (const [i, { tenant: tenantText, appId: appIdText, onDiscontinuity }] of documents.entries()) {
    yield;
    const path = `metadata[${i}]`;
    const tenant = parseMetadataTenant(tenantText);
    const appId = parseGuid(appIdText);
    if (tenant === undefined) {
      report(`${path}.tenant`, `must be a GUID or one of ${multiTenants.join(", ")}`);
      continue;
    }
    if (appIdText !== undefined && appId === undefined) report(`${path}.appId`, "must be a GUID");
    const rule = { tenant, appId, onDiscontinuity };
    if (rules.has(sourceName(rule))) report(path, "must be unique among metadata");
    rules.set(sourceName(rule), rule);
  }
  return rules;
}

function byId<R>(rules: Map<string, R>, idOf: (rule: R) => Guid): Map<Guid, R> {
  return new Map([...rules.values()].map((rule) => [idOf(rule), rule]));
}
