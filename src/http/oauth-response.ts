import type { HttpResponseInit } from "@azure/functions";
import { retryAfterSecondsOf } from "../domain/issuing/part-health.ts";
import type { Refusal } from "../domain/issuing/refusal.ts";
import { Fault } from "../domain/shared/fault.ts";

/** Links an answer to its entry in our log. */
interface Correlation {
  correlationId: string;
  nowMs: number;
}

interface OAuthError {
  status: number;
  error: string;
  description: string;
  codes?: readonly number[] | undefined;
  retryAfterSeconds?: number;
  headers?: Record<string, string>;
  members?: Record<string, string>;
}

/** RFC 6749 §5.1: a token is not to be stored by anything on the way. */
export const noStore = { "Cache-Control": "no-store", Pragma: "no-cache" };

/** What was asked for. */
export function issuedResponse(body: Record<string, unknown>): HttpResponseInit {
  return jsonResponse(200, body, {});
}

/**
 * The only function that turns a refusal into an answer (RFC 6749 §5.2, RFC 6750 §3, RFC 8693 §2.2.2; ADR 0001).
 * Answers are terse on purpose: the reason is logged, only the category is sent. All refusals of the caller's token
 * have the same text, and so have all missing grants, so that probing reveals nothing.
 */
export function refusalResponse(refusal: Refusal, correlation: Correlation): HttpResponseInit {
  return errorResponse(refusalError(refusal), correlation);
}

function refusalError(refusal: Refusal): OAuthError {
  switch (refusal.reason) {
    case "tenant_not_a_guid":
      return invalidRequest("the tenant in the path must be a GUID; names and `common` are not accepted");
    case "overloaded":
      return {
        ...error(
          429,
          "temporarily_unavailable",
          "this instance has as many requests as it works on at once; try again",
        ),
        retryAfterSeconds: 1,
      };
    case "path_reserved":
      return { ...invalidRequest("there is no such tenant"), status: 404 };
    case "protocol_v1":
      return invalidRequest(
        "this is Entra's v1 protocol: send POST /{tenantId}/oauth2/v2.0/token with scope=<resource>/.default in place of resource",
      );
    case "body_without_length":
      return {
        ...invalidRequest("the body did not arrive, since it was sent chunked: send it with a Content-Length"),
        status: 411,
      };
    case "content_type_not_supported":
      return invalidRequest("Content-Type must be application/x-www-form-urlencoded or application/json");
    case "body_too_large":
      return { ...invalidRequest(`the body must not be larger than ${refusal.maxBytes} bytes`), status: 413 };
    case "body_not_readable":
      return invalidRequest("the body must be one JSON object whose members are strings");
    case "parameter_missing":
      return invalidRequest(`${refusal.parameter} is required${meaningOf(refusal.parameter)}`);
    case "parameter_repeated":
      return invalidRequest(`${refusal.parameter} must be given once`);
    case "parameter_invalid":
      return invalidRequest(`${refusal.parameter} must be ${refusal.rule}`);
    case "parameter_in_query":
      return invalidRequest(`${refusal.parameter} belongs in the body: a URL is written to logs`);
    case "parameter_not_supported":
      return invalidRequest(`${refusal.parameter} is not supported: ${refusal.remedy}`);
    case "caller_token_ambiguous":
      return invalidRequest(`the caller's token must be presented once, not as ${refusal.presented.join(" and ")}`);
    case "grant_type_not_supported":
      return error(
        400,
        "unsupported_grant_type",
        "grant_type must be client_credentials or the RFC 8693 token exchange",
      );
    case "target_not_supported":
      return error(400, "invalid_target", `${refusal.parameter} is not supported: name the resource in scope`);
    case "scope_not_default":
      return error(
        400,
        "invalid_scope",
        "scope must be exactly one <resource>/.default (openid, profile and offline_access beside it are ignored)",
      );
    case "caller_token_missing":
      return {
        ...error(
          401,
          "invalid_token",
          "no caller token: send the caller's own Entra token as Authorization: Bearer, client_assertion or subject_token",
        ),
        headers: { "WWW-Authenticate": "Bearer" }, // RFC 6750 §3.1: no error where nothing was presented
      };
    case "caller_token_rejected":
      return {
        ...error(401, "invalid_token", "the caller's token was not accepted"),
        headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
      };
    case "caller_key_not_looked_up":
      return {
        ...error(503, "temporarily_unavailable", "the key of the caller's token is not known yet; try again"),
        retryAfterSeconds: 1,
      };
    case "not_granted":
      return error(403, "access_denied", "no grant for this caller, client, tenant and scope");
    case "mint_budget_exceeded":
      return {
        ...error(429, "temporarily_unavailable", "too many new tokens were asked for; try again later"),
        retryAfterSeconds: refusal.retryAfterSeconds,
      };
    case "tenant_not_consented":
      return {
        ...tenantNotReady(`an administrator of the tenant must consent first: ${refusal.adminConsentUrl}`, refusal),
        members: { admin_consent_url: refusal.adminConsentUrl },
      };
    case "tenant_not_assigned":
      return tenantNotReady(
        "an administrator of the tenant must assign the application to a role of the resource",
        refusal,
      );
    case "tenant_consent_incomplete":
      return tenantNotReady(
        "the permissions that the application asks for and the tenant's consent do not match: the application's owner must correct them, then an administrator of the tenant must consent again",
        refusal,
      );
    case "tenant_blocked":
      return tenantNotReady("the tenant's own policy or settings do not let the application in", refusal);
    case "tenant_not_found":
      return tenantNotReady("Entra does not know the tenant in this cloud", refusal);
    case "resource_not_available":
      return {
        ...error(400, "invalid_target", "Entra does not offer this resource to the application in the tenant"),
        codes: refusal.codes,
      };
    default:
      return refusal satisfies never; // a new reason does not compile until it has an answer
  }
}

/** Faults: ours, never the caller's. 503 where waiting helps, 502 where our credential must be fixed, else 500. */
export function faultResponse(fault: unknown, correlation: Correlation): HttpResponseInit {
  return errorResponse(faultError(fault), correlation);
}

function faultError(fault: unknown): OAuthError {
  if (!(fault instanceof Fault))
    return { ...error(500, "server_error", "an unexpected error; it is in our log"), retryAfterSeconds: 1 };
  const retryAfterSeconds = retryAfterSecondsOf(fault);
  switch (fault.code) {
    case "signer_throttled":
    case "signer_unavailable":
    case "token_endpoint_throttled":
    case "token_endpoint_unavailable":
    case "ledger_unavailable":
    case "policy_unavailable":
    case "caller_keys_unavailable":
    case "identity_unavailable":
      return {
        ...error(503, "temporarily_unavailable", "a service that is needed does not answer"),
        retryAfterSeconds,
      };
    case "signer_unauthorized":
    case "signer_forbidden":
      // A role assignment takes minutes to take effect. On a 502 some SDKs ignore Retry-After and wait for longer.
      return { ...ourCredential(), status: 503, error: "temporarily_unavailable", retryAfterSeconds };
    case "signer_key_disabled":
    case "signer_key_not_found":
    case "signer_rejected":
    case "signature_not_ours":
    case "certificate_not_valid":
      return { ...ourCredential(), retryAfterSeconds };
    case "credential_rejected":
    case "clock_skewed":
    case "token_endpoint_rejected":
      return { ...ourCredential(), retryAfterSeconds, codes: fault.detail.codes };
    case "token_not_as_asked":
      return { ...error(502, "server_error", "Entra's answer was not what was asked for"), retryAfterSeconds };
    default:
      return fault.code satisfies never;
  }
}

function ourCredential(): OAuthError {
  return error(502, "server_error", "it could not authenticate itself; its operators must act, the caller cannot");
}

/**
 * RFC 7521 §4.2 lets clients omit `client_id` beside an assertion. Here the assertion says who asks, not which
 * application to act as.
 */
function meaningOf(parameter: string): string {
  return parameter === "client_id" ? ": the GUID of the application to act as, beside an assertion too" : "";
}

function invalidRequest(description: string): OAuthError {
  return error(400, "invalid_request", description);
}

/** 424: the request was right, but something that it depends on in the customer's tenant is missing. */
function tenantNotReady(description: string, { codes }: { codes: readonly number[] }): OAuthError {
  return { ...error(424, "tenant_not_ready", description), codes };
}

function error(status: number, name: string, description: string): OAuthError {
  return { status, error: name, description };
}

function errorResponse(answer: OAuthError, { correlationId, nowMs }: Correlation): HttpResponseInit {
  const body = {
    error: answer.error,
    // SDKs show it as Entra's own text, so it must name Keyhold.
    error_description: `Keyhold: ${answer.description}`,
    ...(answer.codes && answer.codes.length > 0 ? { error_codes: answer.codes } : {}),
    ...answer.members,
    correlation_id: correlationId,
    timestamp: new Date(nowMs).toISOString(),
  };
  const retryAfter = answer.retryAfterSeconds === undefined ? {} : { "Retry-After": String(answer.retryAfterSeconds) };
  return jsonResponse(answer.status, body, { ...answer.headers, ...retryAfter });
}

/** The text is made here, because for a `jsonBody` the library would make the headers twice. */
function jsonResponse(
  status: number,
  body: Record<string, unknown>,
  headers: Record<string, string>,
): HttpResponseInit {
  return {
    status,
    body: JSON.stringify(body),
    headers: { ...noStore, "Content-Type": "application/json", ...headers },
  };
}
