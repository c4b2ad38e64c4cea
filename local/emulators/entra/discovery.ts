/**
 * The documents that the token service publishes: OpenID metadata and JSON Web Key Sets, in the v1 and v2 variants, and
 * federation metadata, per tenant and for the shared endpoints.
 */
import { applyBehaviour, type EmulatorRequest, type EmulatorResponse } from "../shared/emulator-server.ts";
import { AadstsError, errorAnswer } from "./aadsts-error.ts";
import { cacheableAnswer } from "./cacheable-answer.ts";
import type { SigningKey } from "./signing-key.ts";
import type { KeyOptions } from "./signing-keys.ts";
import type { EntraState } from "./state.ts";
import { issuerTenant, sharedEndpoints } from "./tenants.ts";

const jsonType = "application/json; charset=utf-8";
/** The tenant of all personal accounts. */
const consumerTenantId = "9188040d-6c67-4c5b-b112-36a304b66dad";

type ProtocolVersion = 1 | 2;

/** The values that differ between the clouds, by the host of the authority. */
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

/** One request for a published document. */
interface DocumentRequest {
  state: EntraState;
  tenant: string;
  request: EmulatorRequest;
  correlationId: string;
}

export function metadataEndpoint(asked: DocumentRequest, version: ProtocolVersion): Promise<EmulatorResponse> {
  const { state, tenant } = asked;
  return publish(asked, "discovery", jsonType, (appId) => JSON.stringify(metadata(state, tenant, version, appId)));
}

export function keysEndpoint(asked: DocumentRequest, version: ProtocolVersion): Promise<EmulatorResponse> {
  const { state, tenant } = asked;
  return publish(asked, "keys", jsonType, (appId) => JSON.stringify(jwks(state, tenant, version, { appId })));
}

export function federationMetadataEndpoint(asked: DocumentRequest): Promise<EmulatorResponse> {
  const { state, tenant } = asked;
  return publish(asked, "federationMetadata", "application/samlmetadata+xml", (appId) =>
    state.metadata.get(tenant, { appId }),
  );
}

export function jwks(
  state: EntraState,
  tenant: string,
  version: ProtocolVersion,
  options?: KeyOptions,
): { keys: object[] } {
  const issuer = issuerOf(state.authorityHost, issuerTenant(tenant), version);
  const keys = state.keys.published(tenant, options).map((key) => jsonWebKey(key, issuer));
  // A key of the shared endpoints names the issuer for which it may be used. Personal accounts exist in v2 only.
  if (sharedEndpoints.has(tenant) && version === 2) {
    keys.push(jsonWebKey(state.keys.consumers, issuerOf(state.authorityHost, consumerTenantId, version)));
  }
  return { keys };
}

export function jsonWebKey({ kid, n, e, certificate }: SigningKey, issuer: string): object {
  return { kty: "RSA", use: "sig", kid, x5t: kid, n, e, x5c: [certificate], issuer };
}

export function graphHostOf(authorityHost: string): string {
  return (otherClouds[authorityHost] ?? publicCloud).msgraph;
}

function metadata(state: EntraState, tenant: string, version: ProtocolVersion, appId: string | undefined) {
  const cloud = otherClouds[state.authorityHost] ?? publicCloud;
  const authority = `https://${state.authorityHost}/${tenant}`;
  const protocolPath = version === 2 ? "/oauth2/v2.0" : "/oauth2";
  const jwksUri = `${authority}/discovery/${version === 2 ? "v2.0/" : ""}keys`;
  return {
    token_endpoint: `${authority}${protocolPath}/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    jwks_uri: appId === undefined ? jwksUri : `${jwksUri}?appid=${encodeURIComponent(appId)}`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    issuer: issuerOf(state.authorityHost, issuerTenant(tenant), version),
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

/** The issuer of tokens. */
export function issuerOf(authorityHost: string, tenantId: string, version: ProtocolVersion): string {
  return version === 2 ? `https://${authorityHost}/${tenantId}/v2.0` : `https://sts.windows.net/${tenantId}/`;
}

async function publish(
  { state, tenant, request, correlationId }: DocumentRequest,
  operation: string,
  contentType: string,
  document: (appId: string | undefined) => string,
): Promise<EmulatorResponse> {
  const fault = await applyBehaviour(state.behaviour, operation);
  if (fault !== undefined) return fault;
  if (!sharedEndpoints.has(tenant) && !state.tenants.exists(tenant)) {
    const error = new AadstsError(90002, undefined, "invalid_tenant");
    return errorAnswer(error, { authorityHost: state.authorityHost, now: state.now(), correlationId });
  }
  const appId = request.url.searchParams.get("appid") ?? undefined;
  return cacheableAnswer(document(appId), contentType, request);
}
