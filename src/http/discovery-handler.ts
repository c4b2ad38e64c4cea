import type { HttpHandler } from "@azure/functions";
import { authorizationEndpointOf, type Cloud, jwksUriOf } from "../domain/shared/cloud.ts";
import { parseGuid } from "../domain/shared/guid.ts";
import { refusalResponse } from "./oauth-response.ts";
import { isReservedSegment } from "./parse-token-request.ts";

/** Seconds: the document only changes with a deployment. */
const maxAgeSeconds = 3600;

export interface DiscoveryOptions {
  /** Our own origin, https. */
  publicUrl: string;
  cloud: Cloud;
  clock: () => number;
}

/**
 * `GET /{tenantId}/v2.0/.well-known/openid-configuration`: lets an SDK use Keyhold as its authority. The same document
 * for every tenant, known or not, so that it does not reveal who is a customer. Our own address comes from the
 * configuration, never from the Host header: a forged one would send callers' tokens elsewhere (I8). OpenID Connect
 * Discovery §3, RFC 8414 §2. There is no login: the authorization endpoint named is Entra's own, because MSAL refuses a
 * document without one.
 */
export function discoveryHandler({ publicUrl, cloud, clock }: DiscoveryOptions): HttpHandler {
  return async (request, invocation) => {
    const tenantId = parseGuid(request.params.tenantId);
    if (tenantId === undefined) {
      const correlation = { correlationId: invocation.invocationId, nowMs: clock() };
      const reason = isReservedSegment(request.params.tenantId) ? "path_reserved" : "tenant_not_a_guid";
      return refusalResponse({ reason }, correlation);
    }
    const document = {
      issuer: `${publicUrl}/${tenantId}/v2.0`,
      token_endpoint: `${publicUrl}/${tenantId}/oauth2/v2.0/token`,
      authorization_endpoint: authorizationEndpointOf(cloud, tenantId),
      jwks_uri: jwksUriOf(cloud, tenantId),
      grant_types_supported: ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
      token_endpoint_auth_signing_alg_values_supported: ["RS256"],
      response_types_supported: ["token"],
      subject_types_supported: ["pairwise"],
      id_token_signing_alg_values_supported: ["RS256"],
    };
    return { status: 200, jsonBody: document, headers: { "Cache-Control": `public, max-age=${maxAgeSeconds}` } };
  };
}
