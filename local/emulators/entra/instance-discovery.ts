/**
 * Instance discovery, `GET /common/discovery/instance`: libraries ask here whether a host belongs to Entra. For every
 * other host the answer is 400 invalid_instance (AADSTS50049), which a library that validates its authority treats as a
 * refusal (microsoft-authentication-library-for-js#2357, -for-java#606). The list is that of the public cloud,
 * shortened.
 */
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";
import { AadstsError, errorAnswer } from "./aadsts-error.ts";
import type { EntraState } from "./state.ts";

const aliases = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];

export function instanceDiscoveryEndpoint(
  state: EntraState,
  request: EmulatorRequest,
  correlationId: string,
): EmulatorResponse {
  const endpoint = authorizationEndpoint(request);
  if (endpoint === undefined || ![...aliases, state.authorityHost].includes(endpoint.hostname)) {
    const error = new AadstsError(50049);
    return errorAnswer(error, { authorityHost: state.authorityHost, now: state.now(), correlationId });
  }
  const [, tenant = ""] = endpoint.pathname.split("/");
  return {
    status: 200,
    body: {
      tenant_discovery_endpoint: `https://${endpoint.host}/${tenant}/v2.0/.well-known/openid-configuration`,
      "api-version": "1.1",
      metadata: [
        { preferred_network: "login.microsoftonline.com", preferred_cache: "login.windows.net", aliases: [...aliases] },
      ],
    },
  };
}

function authorizationEndpoint(request: EmulatorRequest): URL | undefined {
  const text = request.url.searchParams.get("authorization_endpoint") ?? "";
  return URL.canParse(text) ? new URL(text) : undefined;
}
