/**
 * Service principals of the home tenant: those of its applications and of its managed identities, and Microsoft Graph's
 * own. App roles can be granted to managed identities only. From then on, a granted role is in the identity's new
 * tokens.
 */
import { z } from "zod";
import { type Application, type AppRole, deterministicGuid } from "../entra/application-registry.ts";
import { graphHostOf } from "../entra/discovery.ts";
import type { ManagedIdentity } from "../entra/managed-identities.ts";
import type { EntraState } from "../entra/state.ts";
import { badRequest, conflict, notFound } from "./error.ts";

export interface ServicePrincipal {
  id: string;
  appId: string;
  displayName: string;
  /** The `aud` of tokens for it. */
  audience: string;
  appRoles: readonly AppRole[];
  /** Undefined for an application that is registered elsewhere, and for managed identities. */
  application?: Application;
  identity?: ManagedIdentity;
}

export const graphAppId = "00000003-0000-0000-c000-000000000000";

/** Microsoft's own ids (reference of Microsoft Graph's permissions). */
const graphRoles = {
  "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
  "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
  "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
  "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
};

export function listServicePrincipals(state: EntraState): ServicePrincipal[] {
  const { applications, tenants, homeTenantId, identities } = state;
  const graph = {
    id: deterministicGuid("service principal", homeTenantId, graphAppId),
    ...{ appId: graphAppId, displayName: "Microsoft Graph", audience: `https://${graphHostOf(state.authorityHost)}` },
    appRoles: Object.entries(graphRoles).map(([value, id]) => ({
      ...{ id, value, displayName: value, description: value, isEnabled: true, allowedMemberTypes: ["Application"] },
    })),
  };
  const ofApplications = applications
    .list()
    .filter(({ clientId }) => tenants.consent(homeTenantId, clientId) !== undefined)
    .map((application) => ({
      id: tenants.servicePrincipalId(homeTenantId, application.clientId),
      ...{ appId: application.clientId, displayName: application.name, audience: application.clientId },
      ...{ appRoles: application.manifest.appRoles, application },
    }));
  const ofIdentities = identities.list().map((identity) => {
    const { clientId: appId, objectId: id, name: displayName } = identity;
    return { ...{ id, appId, displayName, audience: appId, appRoles: [], identity } };
  });
  return [graph, ...ofApplications, ...ofIdentities];
}

/** @throws Graph's 404. */
export function findServicePrincipal(state: EntraState, by: { id?: string; appId?: string }): ServicePrincipal {
  const wanted = { id: by.id?.toLowerCase(), appId: by.appId?.toLowerCase() };
  const found = listServicePrincipals(state).find(
    ({ id, appId }) => id.toLowerCase() === wanted.id || appId.toLowerCase() === wanted.appId,
  );
  if (!found) throw notFound(by.id ?? by.appId ?? "");
  return found;
}

const newPrincipal = z.strictObject({ appId: z.guid() });

/** `POST /servicePrincipals`: for an application of the tenant. */
export function createServicePrincipal(state: EntraState, body: unknown): ServicePrincipal {
  const { appId } = parse(newPrincipal, body);
  const { applications, tenants, homeTenantId } = state;
  if (!applications.find(appId))
    throw badRequest(`The appId '${appId}' does not reference a valid application object.`);
  if (tenants.consent(homeTenantId, appId)) throw conflict(`The service principal name ${appId} is already in use.`);
  tenants.grantConsent(homeTenantId, appId);
  return findServicePrincipal(state, { appId });
}

interface AppRoleAssignment {
  id: string;
  appRoleId: string;
  principalId: string;
  principalDisplayName: string;
  principalType: "ServicePrincipal";
  resourceId: string;
  resourceDisplayName: string;
}

/** `GET .../appRoleAssignedTo`: the holders of the resource's roles. */
export function assignmentsOf(state: EntraState, resource: ServicePrincipal): AppRoleAssignment[] {
  return state.identities.list().flatMap((identity) => {
    const values = identity.appRoles?.[resource.audience] ?? [];
    return resource.appRoles.filter(({ value }) => values.includes(value)).map((role) => describe(identity, role));
  });

  function describe(identity: ManagedIdentity, { id: appRoleId }: AppRole): AppRoleAssignment {
    const { objectId: principalId, name: principalDisplayName } = identity;
    const { id: resourceId, displayName: resourceDisplayName } = resource;
    const id = Buffer.from(`${principalId} ${resourceId} ${appRoleId}`).toString("base64url");
    const principal = { principalId, principalDisplayName, principalType: "ServicePrincipal" as const };
    return { id, appRoleId, ...principal, resourceId, resourceDisplayName };
  }
}

const newAssignment = z.strictObject({ principalId: z.guid(), resourceId: z.guid(), appRoleId: z.guid() });

/** `POST .../appRoleAssignedTo`. */
export function assignRole(state: EntraState, resource: ServicePrincipal, body: unknown): AppRoleAssignment {
  const { principalId, resourceId, appRoleId } = parse(newAssignment, body);
  if (resourceId.toLowerCase() !== resource.id) throw badRequest("The resourceId is not that of the path.");
  const { identity } = findServicePrincipal(state, { id: principalId });
  if (!identity) throw badRequest("Only managed identities are emulated as holders of app roles.");
  const role = resource.appRoles.find(({ id, isEnabled }) => id === appRoleId && isEnabled);
  if (!role) throw badRequest("Permission entry was not found on the application.");
  const held = identity.appRoles?.[resource.audience] ?? [];
  if (held.includes(role.value)) throw badRequest("Permission being assigned already exists on the object");
  identity.appRoles = { ...identity.appRoles, [resource.audience]: [...held, role.value] };
  // App Service returns a kept token for most of a day, and that token does not have the role. A new identity has none
  // yet.
  const made = assignmentsOf(state, resource).find((each) => each.principalId === principalId);
  if (!made) throw new TypeError("the assignment was not kept");
  return made;
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw badRequest(z.prettifyError(parsed.error));
  return parsed.data;
}
