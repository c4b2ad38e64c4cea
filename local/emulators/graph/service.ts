/**
 * The part of Microsoft Graph v1.0 that reads and changes the credentials of applications. It serves one directory,
 * that of the home tenant.
 */

import type { Application } from "../entra/application-registry.ts";
import type { GraphAuditEvent } from "../entra/audit-log.ts";
import { graphHostOf } from "../entra/discovery.ts";
import type { EntraState } from "../entra/state.ts";
import { applyBehaviour, type EmulatorRequest, type EmulatorResponse } from "../shared/emulator-server.ts";
import {
  authenticate,
  type GraphCaller,
  requireAssigner,
  requireReader,
  requireSelfOrWriter,
  requireWriter,
} from "./access.ts";
import { badRequest, GraphError, graphErrorAnswer, notFound } from "./error.ts";
import { parseSelect, type Shown, showApplication, showServicePrincipal } from "./objects.ts";
import {
  assignmentsOf,
  assignRole,
  createServicePrincipal,
  findServicePrincipal,
  listServicePrincipals,
  type ServicePrincipal,
} from "./service-principals.ts";
import { addKey, patchApplication, upsertApplication } from "./write.ts";

const keptEvents = 10_000;
/** Small, so that a client must follow `@odata.nextLink` to read the second entry of a collection. */
const pageSize = 1;
const guid = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const collectionPath = /^\/v1\.0\/(applications|servicePrincipals)$/;
const uniqueNamePath = /^\/v1\.0\/applications\(uniqueName='([^']+)'\)$/;
const objectPath = new RegExp(
  `^/v1\\.0/(applications|servicePrincipals)(?:/(${guid})|\\(appId='(${guid})'\\))(/[A-Za-z]+)?$`,
);

interface Asked {
  state: EntraState;
  request: EmulatorRequest;
  caller: GraphCaller;
}

export async function answerGraph(state: EntraState, request: EmulatorRequest): Promise<EmulatorResponse> {
  const { method, url } = request;
  const event: GraphAuditEvent = { time: new Date(state.now()).toISOString(), method, path: url.pathname, status: 0 };
  state.graphAudit.push(event);
  if (state.graphAudit.length > keptEvents) state.graphAudit.splice(0, keptEvents / 10);
  const answer = await carryOut(state, request, event);
  event.status = answer.status;
  return answer;
}

async function carryOut(
  state: EntraState,
  request: EmulatorRequest,
  event: GraphAuditEvent,
): Promise<EmulatorResponse> {
  const fault = await applyBehaviour(state.behaviour, "graph");
  if (fault !== undefined) return fault;
  try {
    const caller = await authenticate(state, request.headers.authorization);
    Object.assign(event, { clientId: caller.clientId, objectId: caller.objectId });
    return route({ state, request, caller });
  } catch (error) {
    if (error instanceof GraphError) return graphErrorAnswer(error, state.now());
    throw error;
  }
}

function route(asked: Asked): EmulatorResponse {
  const path = decodeURIComponent(asked.request.url.pathname);
  const [, kind, objectId, appId, sub = ""] = objectPath.exec(path) ?? [];
  const { method } = asked.request;
  const [, collection] = collectionPath.exec(path) ?? [];
  const [, uniqueName] = uniqueNamePath.exec(path) ?? [];
  if (uniqueName !== undefined) return byUniqueName(asked, uniqueName);
  if (method === "GET" && collection === "applications") return listApplications(asked);
  if (method === "POST" && collection === "servicePrincipals") return postServicePrincipal(asked);
  if (kind === "servicePrincipals") return ofServicePrincipal(asked, { id: objectId, appId }, sub);
  if (kind !== "applications") throw badRequest("This part of Graph is not emulated.");
  const application = () => {
    const { applications } = asked.state;
    const found = objectId ? applications.byObjectId(objectId) : applications.find(appId ?? "");
    if (found === undefined) throw notFound(objectId ?? appId ?? "");
    return found;
  };
  switch (`${method} ${sub}`) {
    case "GET ":
      requireReader(asked.caller);
      return single("applications", asked, showApplication(application(), shownBy(asked, true)));
    case "GET /federatedIdentityCredentials":
      requireReader(asked.caller);
      return listFederated(asked, application());
    case "GET /owners":
      requireReader(asked.caller);
      return listOwners(asked, application());
    case "PATCH ":
      requireWriter(asked.caller);
      patchApplication(application(), asked.request.body);
      return { status: 204 };
    case "POST /addKey":
      return addKeyTo(asked, application());
    default:
      throw badRequest("This part of Graph is not emulated.");
  }
}

function listApplications(asked: Asked): EmulatorResponse {
  requireReader(asked.caller);
  const filter = asked.request.url.searchParams.get("$filter") ?? "";
  const [, appId] = new RegExp(`^appId eq '(${guid})'$`).exec(filter) ?? [];
  if (appId === undefined) throw badRequest("Only the filter appId eq '...' is emulated.");
  const found = asked.state.applications.find(appId);
  const value = found ? [showApplication(found, shownBy(asked, false))] : [];
  return { status: 200, body: { "@odata.context": contextOf(asked, "applications"), value } };
}

function byUniqueName(asked: Asked, uniqueName: string): EmulatorResponse {
  const { state, request, caller } = asked;
  if (request.method === "GET") {
    requireReader(caller);
    const found = state.applications.byUniqueName(uniqueName);
    if (!found) throw notFound(uniqueName);
    return single("applications", asked, showApplication(found, shownBy(asked, true)));
  }
  if (request.method !== "PATCH") throw badRequest("This part of Graph is not emulated.");
  requireWriter(caller);
  const createsIfMissing = request.headers.prefer === "create-if-missing";
  const made = upsertApplication(state, uniqueName, request.body, {
    ...{ createsIfMissing, ownerId: caller.objectId },
  });
  if (!made) return { status: 204 };
  return single("applications", asked, showApplication(made, shownBy(asked, true)), 201);
}

function postServicePrincipal(asked: Asked): EmulatorResponse {
  requireWriter(asked.caller);
  const made = createServicePrincipal(asked.state, jsonOf(asked.request));
  return single("servicePrincipals", asked, showPrincipal(asked, made), 201);
}

/**
 * The service principal of an application exists if the home tenant has consented to it, or if it was created there.
 */
function ofServicePrincipal(
  asked: Asked,
  { id, appId }: { id: string | undefined; appId: string | undefined },
  sub: string,
): EmulatorResponse {
  const { state, caller, request } = asked;
  const found = () => findServicePrincipal(state, { ...(id && { id }), ...(appId && { appId }) });
  switch (`${request.method} ${sub}`) {
    case "GET ":
      requireReader(caller);
      return single("servicePrincipals", asked, showPrincipal(asked, found()));
    case "GET /appRoleAssignedTo": {
      requireReader(caller);
      const resource = found();
      return page(asked, `servicePrincipals('${resource.id}')/appRoleAssignedTo`, assignmentsOf(state, resource));
    }
    case "GET /appRoleAssignments": {
      requireReader(caller);
      const { id } = found();
      const held = listServicePrincipals(state).flatMap((resource) => assignmentsOf(state, resource));
      const own = held.filter(({ principalId }) => principalId === id);
      return page(asked, `servicePrincipals('${id}')/appRoleAssignments`, own);
    }
    case "POST /appRoleAssignedTo": {
      requireAssigner(caller);
      const resource = found();
      const made = assignRole(state, resource, jsonOf(request));
      return single(`servicePrincipals('${resource.id}')/appRoleAssignedTo`, asked, { ...made }, 201);
    }
    default:
      throw badRequest("This part of Graph is not emulated.");
  }
}

function showPrincipal(asked: Asked, principal: ServicePrincipal): Record<string, unknown> {
  return showServicePrincipal(principal, asked.state.homeTenantId, shownBy(asked, true));
}

function jsonOf({ body }: EmulatorRequest): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw badRequest("The body must be JSON.");
  }
}

function listFederated(asked: Asked, application: Application): EmulatorResponse {
  const path = `applications('${application.objectId}')/federatedIdentityCredentials`;
  return page(
    asked,
    path,
    application.federated.map((each) => ({ ...each, description: null })),
  );
}

/** The identity that registered it. Applications that existed at the start have no owner. */
function listOwners(asked: Asked, { objectId, manifest }: Application): EmulatorResponse {
  const { identities } = asked.state;
  const owners = manifest.owners.map((id) => ({ id, displayName: identities.byObjectId(id)?.name ?? null }));
  return page(asked, `applications('${objectId}')/owners`, owners);
}

/** One page of a collection, with a link to the next. */
function page(asked: Asked, path: string, all: readonly object[]): EmulatorResponse {
  const { url } = asked.request;
  const start = Number(Buffer.from(url.searchParams.get("$skiptoken") ?? "", "base64url").toString() || 0);
  const next = start + pageSize;
  const link = new URL(url.pathname, `https://${graphHostOf(asked.state.authorityHost)}`);
  link.search = `$skiptoken=${Buffer.from(`${next}`).toString("base64url")}`;
  const body = {
    "@odata.context": contextOf(asked, path),
    ...(next < all.length ? { "@odata.nextLink": link.href } : {}),
    value: all.slice(start, next),
  };
  return { status: 200, body };
}

function addKeyTo({ state, request, caller }: Asked, application: Application): EmulatorResponse {
  requireSelfOrWriter(caller, application);
  return { status: 200, body: addKey(application, request.body, state.now()) };
}

function shownBy({ request }: Asked, isSingle: boolean): Shown {
  return { select: parseSelect(request.url.searchParams.get("$select")), isSingle };
}

function single(set: string, asked: Asked, object: Record<string, unknown>, status = 200): EmulatorResponse {
  return { status, body: { "@odata.context": `${contextOf(asked, set)}/$entity`, ...object } };
}

function contextOf({ state }: Asked, set: string): string {
  return `https://${graphHostOf(state.authorityHost)}/v1.0/$metadata#${set}`;
}
