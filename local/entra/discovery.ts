/**
 * OpenID metadata and JSON Web Key Sets, in the v1 and v2 variants, per tenant and for the shared endpoints.
 * Federation metadata (XML) and instance discovery are not served here.
 */
import { createHash } from "node:crypto";
import { applyBehaviour, type EmulatorRequest, type EmulatorResponse } from "../emulator-server.ts";
import { AadstsError, errorAnswer } from "./aadsts-error.ts";
import type { EntraState } from "./state.ts";

const sharedEndpoints = new Set(["common", "organizations", "consumers"]);

export type ProtocolVersion = 1 | 2;

/** What differs between the clouds, by the host of the authority. */
const publicCloud = { name: "microsoftonline.com", graph: "graph.windows.net", msgraph: "graph.microsoft.com" };
const otherClouds: Record<string, typeof publicCloud> = {
  "login.microsoftonline.us": {
    name: "microsoftonline.us",
    graph: "graph.windows.net",
    msgraph: "graph.microsoft.us",
  },
  "login.partner.microsoftonline.cn": {
    name: "partner.microsoftonline.cn",
    graph: "graph.chinacloudapi.cn",
    msgraph: "microsoftgraph.chinacloudapi.cn",
  },
};

export async function metadataEndpoint(
  state: EntraState,
  tenant: string,
  version: ProtocolVersion,
  request: EmulatorRequest,
  correlationId: string,
): Promise<EmulatorResponse> {
  const fault = await applyBehaviour(state.behaviour, "discovery");
  if (fault !== undefined) return fault;
  const refusal = refuseUnknownTenant(state, tenant, correlationId);
  return refusal ?? cacheable(metadata(state, tenant, version, request.url.searchParams.get("appid")), request);
}

export async function keysEndpoint(
  state: EntraState,
  tenant: string,
  version: ProtocolVersion,
  request: EmulatorRequest,
  correlationId: string,
): Promise<EmulatorResponse> {
  const fault = await applyBehaviour(state.behaviour, "keys");
  if (fault !== undefined) return fault;
  return refuseUnknownTenant(state, tenant, correlationId) ?? cacheable(jwks(state, tenant, version), request);
}

export function jwks(state: EntraState, tenant: string, version: ProtocolVersion): { keys: object[] } {
  const issuer = issuerOf(state, tenant, version);
  const keys = state.keys.published(tenant).map(({ kid, n, e, certificate }) => {
    return { kty: "RSA", use: "sig", kid, x5t: kid, n, e, x5c: [certificate], issuer };
  });
  return { keys };
}

function metadata(state: EntraState, tenant: string, version: ProtocolVersion, appId: string | null) {
  const cloud = otherClouds[state.authorityHost] ?? publicCloud;
  const authority = `https://${state.authorityHost}/${tenant}`;
  const protocolPath = version === 2 ? "/oauth2/v2.0" : "/oauth2";
  const jwksUri = `${authority}/discovery/${version === 2 ? "v2.0/" : ""}keys`;
  return {
    token_endpoint: `${authority}${protocolPath}/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    jwks_uri: appId === null ? jwksUri : `${jwksUri}?appid=${encodeURIComponent(appId)}`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    issuer: issuerOf(state, tenant, version),
    request_uri_parameter_supported: false,
    userinfo_endpoint: `https://${cloud.msgraph}/oidc/userinfo`,
    authorization_endpoint: `${authority}${protocolPath}/authorize`,
    device_authorization_endpoint: `${authority}${protocolPath}/devicecode`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${authority}${protocolPath}/logout`,
    claims_supported: ["sub", "iss", "aud", "exp", "iat", "ver", "tid", "nonce", "auth_time", "acr", "at_hash"],
    tenant_region_scope: sharedEndpoints.has(tenant) ? null : "EU",
    cloud_instance_name: cloud.name,
    cloud_graph_host_name: cloud.graph,
    msgraph_host: cloud.msgraph,
  };
}

function issuerOf(state: EntraState, tenant: string, version: ProtocolVersion): string {
  // The shared endpoints cannot name a tenant: the reader puts in the `tid` of the token it checks.
  const tenantId = sharedEndpoints.has(tenant) ? "{tenantid}" : tenant;
  return version === 2 ? `https://${state.authorityHost}/${tenantId}/v2.0` : `https://sts.windows.net/${tenantId}/`;
}

function refuseUnknownTenant(state: EntraState, tenant: string, correlationId: string): EmulatorResponse | undefined {
  if (sharedEndpoints.has(tenant) || state.tenants.exists(tenant)) return undefined;
  const error = new AadstsError(90002, undefined, "invalid_tenant");
  return errorAnswer(error, { authorityHost: state.authorityHost, now: state.now(), correlationId });
}

function cacheable(document: object, request: EmulatorRequest): EmulatorResponse {
  const body = JSON.stringify(document);
  const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
  const headers = { "cache-control": "max-age=86400, private", "access-control-allow-origin": "*", etag };
  if (request.headers["if-none-match"] === etag) return { status: 304, headers };
  return { status: 200, headers: { ...headers, "content-type": "application/json; charset=utf-8" }, body };
}
