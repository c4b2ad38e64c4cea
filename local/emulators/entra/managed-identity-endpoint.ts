/**
 * The managed identity endpoint that App Service offers to a running app, and the tokens behind it. It keeps each token
 * for most of a day (App Service documentation, "the back-end services maintain a cache per resource URI"), even if its
 * signing key is withdrawn. Version 2025-03-30 accepts the hash of a token that must not be returned again (MSAL.NET
 * pull request 5493); 2019-08-01 ignores it. The virtual machine, Service Fabric and older App Service variants are not
 * emulated.
 */
import { createHash, randomUUID } from "node:crypto";
import { applyBehaviour, type EmulatorRequest, type EmulatorResponse } from "../shared/emulator-server.ts";
import { tokenTimes, v1Claims, v2Claims } from "./access-token.ts";
import type { ManagedIdentity } from "./managed-identities.ts";
import type { EntraState } from "./state.ts";
import { isGuid } from "./tenants.ts";
import { exchangeAudience, exchangeResource } from "./token-exchange.ts";

export const identityPath = "/msi/token";
const apiVersions = ["2019-08-01", "2025-03-30"];
// Tokens of managed identities have a long lifetime: the platform returns the same one for most of a day.
const lifetimeSeconds = 24 * 60 * 60;

export async function managedIdentityEndpoint(state: EntraState, request: EmulatorRequest): Promise<EmulatorResponse> {
  const fault = await applyBehaviour(state.behaviour, "managedIdentity");
  if (fault !== undefined) return fault;
  const query = request.url.searchParams;
  if (request.url.pathname !== identityPath) return refuse(404, "Not found.");
  if (request.method !== "GET") return refuse(405, "Only GET is allowed.");
  // The header proves that the request comes from the app itself, and not from a server-side request forgery.
  if (request.headers["x-identity-header"] !== state.identityHeader) {
    return refuse(401, "The X-IDENTITY-HEADER is missing or wrong.");
  }
  const apiVersion = query.get("api-version") ?? "";
  if (!apiVersions.includes(apiVersion))
    return refuse(400, `The api-version must be one of ${apiVersions.join(", ")}.`);
  const resource = query.get("resource");
  if (!resource) return refuse(400, "The resource parameter is missing.");
  const identity = state.identities.select(query);
  if (identity === undefined) {
    return refuse(
      400,
      "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
    );
  }
  const refused = apiVersion === "2025-03-30" ? query.get("token_sha256_to_refresh") : null;
  if (!isKnown(state, resource)) {
    return refuse(400, `AADSTS500011: The resource principal named ${resource} was not found in the tenant.`);
  }
  const { token, expiresAt } = await keptToken(state, identity, resource, refused ?? "");
  return {
    status: 200,
    headers: { "cache-control": "no-store" },
    body: {
      access_token: token,
      expires_on: String(expiresAt),
      resource,
      token_type: "Bearer",
      client_id: identity.clientId,
    },
  };
}

/**
 * Returns the kept token until half of its lifetime has passed or the caller refuses it (by its SHA-256 in
 * hexadecimal).
 */
async function keptToken(state: EntraState, identity: ManagedIdentity, resource: string, refusedSha256: string) {
  const place = [identity.clientId, resource, state.tokenLifetimeSeconds].join(" ");
  const kept = state.identityTokens.get(place);
  const isRefused = kept && createHash("sha256").update(kept.token).digest("hex") === refusedSha256.toLowerCase();
  if (kept && !isRefused && state.now() < kept.renewAtMs) return kept;
  const issuedMs = state.now();
  const issued = await managedIdentityToken(state, identity, resource);
  state.identityTokens.set(place, { ...issued, renewAtMs: (issuedMs + 1000 * issued.expiresAt) / 2 });
  return issued;
}

/**
 * Whether the home tenant knows an API by this name. A registered API needs a service principal, and is known by its id
 * and its identifier URIs. Every other name stands for an API that is not emulated.
 */
function isKnown({ applications, tenants, homeTenantId }: EntraState, resource: string): boolean {
  const application = applications.find(resource.replace(/^api:\/\//, ""));
  if (!application) return true;
  const isNamed = !resource.startsWith("api://") || application.manifest.identifierUris.includes(resource);
  return isNamed && tenants.consent(homeTenantId, application.clientId) !== undefined;
}

/**
 * A registered API gets the version that it asks for. Others get the v2 shape if a GUID names them, as for the
 * exchange.
 */
function isVersion2({ applications }: EntraState, audience: string): boolean {
  const application = applications.find(audience);
  return application ? application.manifest.requestedAccessTokenVersion === 2 : isGuid(audience);
}

export async function managedIdentityToken(
  state: EntraState,
  identity: ManagedIdentity,
  resource: string,
): Promise<{ token: string; expiresAt: number }> {
  const times = tokenTimes(state.now(), state.tokenLifetimeSeconds ?? lifetimeSeconds);
  const audience = resource === exchangeResource ? exchangeAudience : resource.replace(/^api:\/\//, "").toLowerCase();
  const subject = { tenantId: state.homeTenantId, clientId: identity.clientId, objectId: identity.objectId };
  const claims = isVersion2(state, audience)
    ? v2Claims({ ...subject, roles: rolesFor(identity, audience) }, audience, times, state.authorityHost)
    : v1Claims({ ...subject, roles: rolesFor(identity, audience) }, resource, times);
  return { token: await state.keys.sign(claims, state.homeTenantId), expiresAt: times.expiresAt };
}

export function rolesFor(identity: ManagedIdentity, audience: string): string[] | undefined {
  return identity.appRoles?.[audience] ?? identity.appRoles?.[audience.toUpperCase()];
}

function refuse(statusCode: number, message: string): EmulatorResponse {
  return { status: statusCode, body: { statusCode, message, correlationId: randomUUID() } };
}
