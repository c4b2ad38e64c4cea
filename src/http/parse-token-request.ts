import type { HttpRequest } from "@azure/functions";
import type { AssertionRequest } from "../domain/issuing/issue-assertion.ts";
import type { TokenRequest } from "../domain/issuing/issue-token.ts";
import type { RequestRefusal } from "../domain/issuing/refusal.ts";
import { type Guid, parseGuid } from "../domain/shared/guid.ts";
import { ok, type Result, refuse } from "../domain/shared/result.ts";
import { parseRequestedScope } from "../domain/shared/scope.ts";
import {
  accessTokenType,
  bearerTokenOf,
  notSupported,
  type Presentation,
  presentedCallerToken,
} from "./caller-token.ts";
import { createKnownForms } from "./known-forms.ts";
import { type Body, type Parameters, parseParameters, readBody } from "./read-parameters.ts";
import { parseClaims } from "./requested-claims.ts";

interface ParsedTokenRequest extends TokenRequest {
  /** RFC 8693: the answer then names the type of the issued token. */
  isTokenExchange: boolean;
}

/** RFC 8693 §2.1. */
const tokenExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

/** `POST /{tenantId}/oauth2/v2.0/token`: untrusted request to typed request. */
export async function parseTokenRequest(
  request: HttpRequest,
  knownForms = createKnownForms(),
): Promise<Result<ParsedTokenRequest, RequestRefusal>> {
  const received = await receive(request);
  if (!received.ok) return received;
  const { tenantId, body } = received.value;
  const known = body.isForm ? knownForms.find(body.text) : undefined;
  const bearer = known && bearerTokenOf(request.headers.get("authorization") ?? "");
  if (known && bearer) {
    return ok(withDemand(request, { tenantId, ...known, callerToken: bearer, isTokenExchange: false }, undefined));
  }
  const common = parseCommon(body);
  if (!common.ok) return common;
  const { parameters, claims } = common.value;
  const grantType = parameters.get("grant_type");
  if (grantType === undefined) return missing("grant_type");
  const isTokenExchange = grantType === tokenExchangeGrant;
  if (!isTokenExchange && grantType !== "client_credentials") return refuse({ reason: "grant_type_not_supported" });
  const presented = presentedCallerToken(request, parameters);
  if (!presented.ok) return presented;
  const mismatch = presentationMismatch(isTokenExchange, presented.value.presentation);
  if (mismatch) return mismatch;
  const clientId = parseClientId(parameters);
  if (!clientId.ok) return clientId;
  const scopeText = parameters.get("scope");
  if (scopeText === undefined) return missing("scope");
  const scope = parseRequestedScope(scopeText);
  if (scope === undefined) return refuse({ reason: "scope_not_default" });
  if (body.isForm) knownForms.remember(body.text, { clientId: clientId.value, scope });
  const { callerToken } = presented.value;
  return ok(withDemand(request, { tenantId, clientId: clientId.value, scope, callerToken, isTokenExchange }, claims));
}

/** `POST /{tenantId}/assertion`: the same caller token in the same three ways, but no grant type and no scope. */
export async function parseAssertionRequest(request: HttpRequest): Promise<Result<AssertionRequest, RequestRefusal>> {
  const received = await receive(request);
  if (!received.ok) return received;
  const { tenantId, body } = received.value;
  const common = parseCommon(body);
  if (!common.ok) return common;
  const { parameters, claims } = common.value;
  if (claims !== undefined) return notSupported("claims", "leave it out: an assertion is no access token");
  if (parameters.has("scope")) return notSupported("scope", "leave it out: an assertion cannot be bound to a scope");
  const presented = presentedCallerToken(request, parameters);
  if (!presented.ok) return presented;
  const clientId = parseClientId(parameters);
  if (!clientId.ok) return clientId;
  return ok({ tenantId, clientId: clientId.value, callerToken: presented.value.callerToken });
}

/** The tenant in the path, and the body as it came. */
async function receive(request: HttpRequest): Promise<Result<{ tenantId: Guid; body: Body }, RequestRefusal>> {
  if (isReservedSegment(request.params.tenantId)) return refuse({ reason: "path_reserved" });
  const tenantId = parseGuid(request.params.tenantId);
  if (tenantId === undefined) return refuse({ reason: "tenant_not_a_guid" });
  const body = await readBody(request);
  return body.ok ? ok({ tenantId, body: body.value }) : body;
}

function parseCommon(body: Body): Result<{ parameters: Parameters; claims: string | undefined }, RequestRefusal> {
  const parameters = parseParameters(body);
  if (!parameters.ok) return parameters;
  const unsupported = unsupportedParameter(parameters.value);
  if (unsupported) return unsupported;
  const claims = parseClaims(parameters.value.get("claims") ?? "{}");
  return claims.ok ? ok({ parameters: parameters.value, claims: claims.value }) : claims;
}

/** With the caller's demand for a new token: by claims in the body, or by a header. */
function withDemand(request: HttpRequest, parsed: ParsedTokenRequest, claims: string | undefined): ParsedTokenRequest {
  if (claims !== undefined) return { ...parsed, demand: { claims } };
  return isNoCache(request) ? { ...parsed, demand: "no-cache" } : parsed;
}

/** The platform's own paths: whatever the host lets through is no tenant (`/admin`, `/ADMIN`, `/%61dmin`, `/runtime`). */
export function isReservedSegment(segment: string | undefined): boolean {
  return segment !== undefined && /^(admin|runtime)$/i.test(segment.trim());
}

/**
 * Generic OAuth libraries have one field for the client's proof. A token in it is in the wrong field; it is not a
 * secret.
 */
function remedyForSecret(secret: string): string {
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(secret)) {
    return "it holds a token, which belongs in client_assertion or in Authorization: Bearer";
  }
  return "callers prove themselves with their own Entra token; rotate that secret";
}

/**
 * Parameters that would change the request. Ignoring them would return something other than what the caller asked for.
 */
function unsupportedParameter(parameters: Parameters): { ok: false; refusal: RequestRefusal } | undefined {
  for (const parameter of ["resource", "audience"] as const) {
    if (parameters.has(parameter)) return refuse({ reason: "target_not_supported", parameter });
  }
  const secret = parameters.get("client_secret");
  if (secret !== undefined) return notSupported("client_secret", remedyForSecret(secret));
  for (const parameter of ["actor_token", "actor_token_type"] as const) {
    if (parameters.has(parameter)) return notSupported(parameter, "leave it out: there is no delegation");
  }
  const requested = parameters.get("requested_token_type");
  if (requested !== undefined && requested !== accessTokenType) {
    return refuse({ reason: "parameter_invalid", parameter: "requested_token_type", rule: accessTokenType });
  }
  return undefined;
}

/** RFC 9111 §5.2.1.4. */
function isNoCache(request: HttpRequest): boolean {
  const directives = request.headers.get("cache-control")?.toLowerCase().split(",") ?? [];
  return directives.some((directive) => directive.trim() === "no-cache");
}

function presentationMismatch(
  isTokenExchange: boolean,
  presentation: Presentation,
): { ok: false; refusal: RequestRefusal } | undefined {
  if (isTokenExchange && presentation !== "subject_token") return missing("subject_token");
  if (!isTokenExchange && presentation === "subject_token") {
    return refuse({
      reason: "parameter_invalid",
      parameter: "grant_type",
      rule: `${tokenExchangeGrant} with subject_token`,
    });
  }
  return undefined;
}

function parseClientId(parameters: Parameters): Result<Guid, RequestRefusal> {
  const text = parameters.get("client_id");
  if (text === undefined) return missing("client_id");
  const clientId = parseGuid(text);
  return clientId === undefined
    ? refuse({ reason: "parameter_invalid", parameter: "client_id", rule: "the GUID of the application to act as" })
    : ok(clientId);
}

function missing(parameter: string): { ok: false; refusal: RequestRefusal } {
  return refuse({ reason: "parameter_missing", parameter });
}
