/**
 * Errors of the token service: the OAuth error and HTTP status for each AADSTS number, and the JSON of the answer. The
 * texts only resemble the real ones: clients must branch on `error_codes`, as the documentation says.
 */
import { randomUUID } from "node:crypto";
import type { EmulatorResponse } from "../shared/emulator-server.ts";

interface ErrorKind {
  error: string;
  status: number;
  message: string;
  retryAfterSeconds?: number;
}

const kinds = new Map<number, ErrorKind>();

function define(error: string, status: number, messages: Record<number, string>, retryAfterSeconds?: number) {
  for (const [code, message] of Object.entries(messages)) {
    kinds.set(Number(code), { error, status, message, ...(retryAfterSeconds && { retryAfterSeconds }) });
  }
}

define("invalid_client", 401, {
  50012: "Authentication failed: the signing key is not authorized.",
  50048: "Subject must match the issuer claim in the client assertion.",
  50013: "Assertion failed signature validation.",
  50166: "Request to the external OIDC endpoint failed.",
  70021: "No matching federated identity record found for presented assertion.",
  70025: "The client has no configured federated identity credentials.",
  700211: "No matching federated identity record found for presented assertion issuer.",
  700212: "No matching federated identity record found for presented assertion audience.",
  700213: "No matching federated identity record found for presented assertion subject.",
  7002138: "No matching federated identity record found for presented assertion subject: only its case differs.",
  700226: "Only tokens of managed identities may be used as federated identity credentials for this issuer.",
  700021: "Client assertion application identifier doesn't match 'client_id' parameter.",
  700023: "Client assertion audience claim does not match Realm issuer.",
  700024: "Client assertion is not within its valid time range.",
  700025: "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
  700027: "The certificate used to sign the client assertion is not valid for the application.",
  700030: "Invalid certificate: the subject name in the certificate is not authorized.",
  1000502: "The provided certificate is not within its specified validity window.",
  7000214: "The certificate has been revoked.",
  7000215: "Invalid client secret provided.",
  7000218: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  7000222: "The provided client secret keys are expired.",
  7000229: "The client application is missing service principal in the tenant.",
  7000274: "The client assertion key could not be used.",
  7000277: "The certificate chain could not be validated.",
});
define("invalid_request", 400, {
  50027: "JWT token is invalid or malformed.",
  50059: "No tenant-identifying information found in either the request or implied by any provided credentials.",
  50128: "Invalid domain name: no tenant-identifying information found.",
  90002: "Tenant not found. Check that the tenant ID is correct and that the right cloud is used.",
  90038: "The tenant is part of another national cloud.",
  900144: "The request body must contain a parameter that is missing.",
  900382: "The confidential client is not supported in a cross cloud request.",
  900432: "The confidential client is not supported in a cross cloud request.",
  900561: "The endpoint only accepts POST requests.",
  901002: "The 'resource' request parameter is not supported.",
  9000411: "The request is not properly formatted: a parameter is duplicated.",
  9002313: "Invalid request. Request is malformed or invalid.",
  9001023: "The grant type is not supported over the /common or /consumers endpoints.",
});
define("invalid_instance", 400, { 50049: "Unknown or invalid instance." });
define("unauthorized_client", 400, {
  70001: "The application is disabled or was not found.",
  700011: "The application was not found in the directory.",
  700016: "The application was not found in the directory: it is not installed or not consented to in this tenant.",
  65005: "The application asked for permissions that are not in its required resource access.",
  650051: "A service principal could not be created: the consent is not complete.",
  650052: "The organization lacks a service principal for a service the app needs.",
  650054: "The application asked for permissions to access a resource that is removed or no longer available.",
  650056: "Misconfigured application: no permissions are listed or consented to.",
  650057: "Invalid resource: it is not listed in the requested permissions of the application registration.",
  7000112: "The application is disabled.",
});
define("invalid_scope", 400, {
  28002: "Provided value for the input parameter scope is not valid when requesting an access token.",
  70011: "The provided value for the input parameter 'scope' is not valid.",
  700022: "The scope contains more than one resource.",
});
define("invalid_resource", 400, {
  50001: "The resource principal was not found or is disabled.",
  500011: "The resource principal was not found in the tenant.",
  500014: "The service principal for the resource is disabled.",
});
define("invalid_grant", 400, {
  50034: "The user account does not exist in the directory.",
  50196: "The server terminated an operation: it encountered a client request loop.",
  50105: "The application requires an assignment that this client does not have.",
  53003: "Access has been blocked by Conditional Access policies.",
  65001: "The administrator has not consented to use the application.",
  90094: "Admin consent is required for the permissions requested by this application.",
  90099: "The application has not been authorized in the tenant.",
  50002: "The tenant restricts sign-in to its own proxy.",
  50131: "Blocked by Conditional Access: the device or network is not allowed.",
  501051: "The application is not assigned to a role for the resource application.",
  530032: "Blocked by the tenant's security policy.",
  530035: "Access has been blocked by security defaults.",
});
define("access_denied", 400, {
  500021: "Access to the tenant is denied.",
  500022: "Access to the tenant is denied: restricted by the tenant policy.",
  500212: "The resource tenant's policy does not allow this client.",
  500213: "The resource tenant's cross-tenant access policy does not allow this client.",
  5000224: "The tenant is not available: it is blocked.",
  5000225: "The tenant is not available: it is blocked due to inactivity or is being deleted.",
});
define("unsupported_grant_type", 400, { 70003: "The app requested an unsupported grant type." });
define("temporarily_unavailable", 429, { 90055: "The tenant sends too many requests." }, 30);
define("temporarily_unavailable", 503, {
  50033: "A transient error has occurred. Please try again.",
  90006: "An external server answered with an error that can be retried.",
  90024: "The request budget was exceeded. A transient error has occurred. Please try again.",
  90033: "A transient error has occurred. Please try again.",
});
define("temporarily_unavailable", 504, { 90012: "The request has timed out." });
define("server_error", 500, { 50000: "There was an issue with the sign-in service." });

function kindOf(code: number): ErrorKind {
  return kinds.get(code) ?? { error: "invalid_request", status: 400, message: "The request was refused." };
}

/** A refused request, thrown by the checks. Its message becomes the description in the answer. */
export class AadstsError extends Error {
  readonly code: number;
  /** The OAuth error in the answer. */
  readonly error: string;

  constructor(code: number, message?: string, error?: string) {
    super(message ?? kindOf(code).message);
    this.code = code;
    this.error = error ?? kindOf(code).error;
  }
}

export function errorAnswer(
  error: AadstsError,
  request: { authorityHost: string; now: number; correlationId: string },
): EmulatorResponse {
  const { status, retryAfterSeconds } = kindOf(error.code);
  const timestamp = entraTimestamp(request.now);
  const traceId = randomUUID();
  const trail = `Trace ID: ${traceId} Correlation ID: ${request.correlationId} Timestamp: ${timestamp}`;
  return {
    status,
    headers: retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) },
    body: {
      error: error.error,
      error_description: `AADSTS${error.code}: ${error.message} ${trail}`,
      error_codes: [error.code],
      timestamp,
      trace_id: traceId,
      correlation_id: request.correlationId,
      error_uri: `https://${request.authorityHost}/error?code=${error.code}`,
    },
  };
}

/** `2026-11-21 20:00:00Z`: a space instead of the T, and no fraction. */
function entraTimestamp(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19).replace("T", " ")}Z`;
}
