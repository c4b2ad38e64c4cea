/** The HTTPS side: maps a path to an endpoint, and adds the headers that every answer of the service has. */
import { randomUUID } from "node:crypto";
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";
import { federationMetadataEndpoint, keysEndpoint, metadataEndpoint } from "./discovery.ts";
import { instanceDiscoveryEndpoint } from "./instance-discovery.ts";
import { samlEndpoint } from "./saml-endpoint.ts";
import type { EntraState } from "./state.ts";
import { isGuid } from "./tenants.ts";
import { tokenEndpoint } from "./token-endpoint.ts";

export async function answerTokenService(state: EntraState, request: EmulatorRequest): Promise<EmulatorResponse> {
  const sent = request.headers["client-request-id"];
  const requestId = randomUUID();
  const correlationId = typeof sent === "string" && isGuid(sent) ? sent : requestId;
  const answer = await route(state, request, correlationId);
  return {
    ...answer,
    headers: {
      date: new Date(state.now()).toUTCString(),
      "cache-control": "no-store, no-cache",
      pragma: "no-cache",
      "x-ms-request-id": requestId,
      "x-ms-ests-server": "2.1.1.0 - LOCAL ProdSlices",
      ...(typeof sent === "string" && { "client-request-id": sent }),
      ...answer.headers,
    },
  };
}

async function route(state: EntraState, request: EmulatorRequest, correlationId: string): Promise<EmulatorResponse> {
  const [, segment = "", path = ""] = /^\/([^/]+)\/(.*)$/.exec(request.url.pathname) ?? [];
  const tenant = segment.toLowerCase();
  const asked = { state, tenant, request, correlationId };
  // Clients spell this path in different ways, and the real service accepts all of them.
  if (path.toLowerCase() === "federationmetadata/2007-06/federationmetadata.xml") {
    return federationMetadataEndpoint(asked);
  }
  switch (path) {
    case "oauth2/v2.0/token":
      return tokenEndpoint(state, tenant, request, correlationId);
    case "v2.0/.well-known/openid-configuration":
      return metadataEndpoint(asked, 2);
    case ".well-known/openid-configuration":
      return metadataEndpoint(asked, 1);
    case "discovery/v2.0/keys":
      return keysEndpoint(asked, 2);
    case "discovery/keys":
      return keysEndpoint(asked, 1);
    case "discovery/instance":
      return instanceDiscoveryEndpoint(state, request, correlationId);
    case "saml2":
      return samlEndpoint(state, tenant, request);
    default:
      return { status: 404 };
  }
}
