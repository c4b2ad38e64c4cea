import { decodeJwt } from "jose";
import * as oauth from "oauth4webapi";
import type { EntraAnswer } from "../../domain/issuing/entra-errors.ts";
import { readRejection } from "../../domain/issuing/entra-errors.ts";
import type { TokenEndpoint } from "../../domain/issuing/ports.ts";
import { type Cloud, issuerOf, tokenEndpointOf } from "../../domain/shared/cloud.ts";
import { Fault } from "../../domain/shared/fault.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { clientAssertionType } from "../../domain/signing/client-assertion.ts";
import { limited } from "../azure/deadline.ts";
import { errorClass, parseRetryAfter } from "../azure/error.ts";

/** Milliseconds for one exchange. */
const requestTimeoutMs = 10_000;

/**
 * Exchanges a client assertion at Entra for an access token (RFC 6749 §4.4, RFC 7523 §2.2). oauth4webapi implements the
 * protocol, does not follow redirects, and accepts an assertion that it did not sign.
 */
export function createEntraTokenEndpoint(cloud: Cloud): TokenEndpoint {
  return {
    requestToken: (exchange) =>
      limited(requestTimeoutMs, (signal) => exchangeAt(cloud, { ...exchange, signal }), exchange.signal),
  };
}

type Exchange = Parameters<TokenEndpoint["requestToken"]>[0];

async function exchangeAt(cloud: Cloud, exchange: Exchange): Promise<EntraAnswer> {
  const { tenantId, clientId, scope, claims, clientAssertion, ledgerId, signal } = exchange;
  const server = { issuer: issuerOf(cloud, tenantId), token_endpoint: tokenEndpointOf(cloud, tenantId) };
  const client = { client_id: clientId };
  let response: Response;
  try {
    response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      vaultSignedAssertion(clientAssertion),
      { scope, ...(claims !== undefined && { claims }) },
      { headers: { "client-request-id": ledgerId, "return-client-request-id": "true" }, signal },
    );
  } catch (error) {
    throw new Fault("token_endpoint_unavailable", { because: errorClass(error) });
  }
  if (response.status !== 200) return processRejection(response);
  return processToken(response, server, client, { tenantId, clientId });
}

/** Opens a connection to Entra that the exchange finds in the pool of `fetch`. */
export async function connectToEntra({ authorityHost }: Cloud): Promise<void> {
  await fetch(`https://${authorityHost}/`, { method: "HEAD", redirect: "manual" });
}

function vaultSignedAssertion(clientAssertion: string): oauth.ClientAuth {
  return (_server, client, body) => {
    body.set("client_id", client.client_id);
    body.set("client_assertion_type", clientAssertionType);
    body.set("client_assertion", clientAssertion);
  };
}

async function processToken(
  response: Response,
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  asked: { tenantId: Guid; clientId: Guid },
): Promise<EntraAnswer> {
  const requestId = requestIdOf(response);
  let token: oauth.TokenEndpointResponse;
  try {
    token = await oauth.processClientCredentialsResponse(server, client, response);
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    // The answer was cut off or too slow. A complete answer that is not JSON is a SyntaxError.
    const isCutOff = cause instanceof Error && !(cause instanceof SyntaxError);
    if (isCutOff) throw new Fault("token_endpoint_unavailable", { because: errorClass(cause) });
    throw new Fault("token_not_as_asked", { because: errorClass(error) });
  }
  const expiresInSeconds = Math.floor(token.expires_in ?? 0);
  if (token.token_type !== "bearer" || expiresInSeconds <= 0 || !isFor(token.access_token, asked)) {
    throw new Fault("token_not_as_asked");
  }
  return { issued: true, accessToken: token.access_token, expiresInSeconds, ...requestId };
}

/**
 * Whether the token is for this tenant and application. A token for others is not returned (T12). This is defence in
 * depth: access tokens are opaque to everyone but their resource, so an unreadable token passes.
 */
function isFor(accessToken: string, { tenantId, clientId }: { tenantId: Guid; clientId: Guid }): boolean {
  let claims: Record<string, unknown>;
  try {
    claims = decodeJwt(accessToken);
  } catch {
    return true;
  }
  const application = claims.appid ?? claims.azp;
  if (claims.tid !== undefined && parseGuid(claims.tid) !== tenantId) return false;
  return application === undefined || parseGuid(application) === clientId;
}

async function processRejection(response: Response): Promise<EntraAnswer> {
  const body = await readJson(response);
  const errorCodes = Array.isArray(body.error_codes)
    ? body.error_codes.filter((code): code is number => Number.isSafeInteger(code))
    : [];
  const retryAfterSeconds = parseRetryAfter(response.headers.get("retry-after"), Date.now());
  const serverTimeMs = Date.parse(response.headers.get("date") ?? "");
  return readRejection(
    { status: response.status, error: body.error, errorCodes },
    {
      ...requestIdOf(response),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      ...(!Number.isNaN(serverTimeMs) && { serverTimeMs }),
    },
  );
}

async function readJson(response: Response): Promise<Record<string, unknown>> {
  try {
    const value: unknown = await response.json();
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function requestIdOf(response: Response): { requestId?: string } {
  const requestId = parseGuid(response.headers.get("x-ms-request-id"));
  return requestId === undefined ? {} : { requestId };
}
