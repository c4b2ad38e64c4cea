/**
 * `POST /{tenant}/oauth2/v2.0/token` with client credentials, authenticated by a certificate's assertion or by the
 * token of a managed identity. Secrets and every grant of a user are refused.
 */
import { createHash } from "node:crypto";
import { applyBehaviour, type EmulatorRequest, type EmulatorResponse } from "../shared/emulator-server.ts";
import { AadstsError, errorAnswer } from "./aadsts-error.ts";
import { tokenTimes, v1Claims } from "./access-token.ts";
import { appendAudit, auditText, type EntraAuditEvent } from "./audit-log.ts";
import { type Assertion, decodeAssertion, describeAssertion } from "./client-assertion.ts";
import { checkAssertion } from "./client-assertion-check.ts";
import type { EntraState } from "./state.ts";
import { sharedEndpoints } from "./tenants.ts";
import { checkFederatedAssertion, isFederated } from "./token-exchange.ts";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

export async function tokenEndpoint(
  state: EntraState,
  tenant: string,
  request: EmulatorRequest,
  correlationId: string,
): Promise<EmulatorResponse> {
  const form = new URLSearchParams(request.body.toString());
  const event = openEvent(state, tenant, form, request);
  try {
    const fault = await applyBehaviour(state.behaviour, "token");
    if (fault !== undefined) return fault;
    const token = await issue(state, tenant, form, request.method, event);
    event.outcome = "issued";
    return token;
  } catch (error) {
    if (!(error instanceof AadstsError)) throw error;
    event.outcome = error.code;
    event.error = error.error;
    return errorAnswer(error, { authorityHost: state.authorityHost, now: state.now(), correlationId });
  } finally {
    appendAudit(state.audit, event);
  }
}

function openEvent(state: EntraState, tenant: string, form: URLSearchParams, request: EmulatorRequest) {
  const clientRequestId = request.headers["client-request-id"];
  const event: EntraAuditEvent = {
    time: new Date(state.now()).toISOString(),
    tenantId: auditText(tenant),
    clientId: auditText(form.get("client_id")),
    scope: auditText(form.get("scope")),
    outcome: "fault",
    remoteAddress: request.remoteAddress,
  };
  const claims = form.get("claims");
  if (claims !== null) event.claims = auditText(claims);
  if (clientRequestId !== undefined) event.clientRequestId = auditText(clientRequestId);
  return event;
}

async function issue(
  state: EntraState,
  tenant: string,
  form: URLSearchParams,
  method: string,
  event: EntraAuditEvent,
): Promise<EmulatorResponse> {
  if (method !== "POST") throw new AadstsError(900561);
  const clientId = form.get("client_id") ?? "";
  const forced = state.tenants.forcedError(tenant, clientId);
  if (forced !== undefined) throw new AadstsError(forced);
  const tenantId = checkTenant(state, tenant);
  const assertion = readAssertion(form, event);
  const claims = readClaims(form.get("claims"));
  const application = state.applications.find(clientId);
  const { authorityHost, homeTenantId } = state;
  if (isFederated(assertion)) checkFederatedAssertion(state, assertion, application);
  else checkAssertion(assertion, application, { clientId, tenantId, homeTenantId, authorityHost, now: state.now() });
  const roles = state.tenants.consent(tenantId, clientId);
  if (roles === undefined) throw new AadstsError(7000229);
  const resource = readResource(form.get("scope"));
  if (state.tenants.isBlocked(tenantId, resource)) throw new AadstsError(500011);

  const lifetime = announcesCae(claims) ? caeLifetimeSeconds() : state.lifetimeSeconds();
  const objectId = state.tenants.servicePrincipalId(tenantId, clientId);
  const subject = { tenantId, clientId: clientId.toLowerCase(), objectId, roles: roles.get(resource) };
  const token = await state.keys.sign(v1Claims(subject, resource, tokenTimes(state.now(), lifetime)), tenantId);
  event.tokenSha256 = createHash("sha256").update(token).digest("hex");
  return {
    status: 200,
    body: { token_type: "Bearer", expires_in: lifetime, ext_expires_in: lifetime, access_token: token },
  };
}

function checkTenant(state: EntraState, tenant: string): string {
  const tenantId = tenant.toLowerCase();
  if (sharedEndpoints.has(tenantId)) throw new AadstsError(9001023);
  if (!state.tenants.exists(tenantId)) throw new AadstsError(90002);
  return tenantId;
}

function readAssertion(form: URLSearchParams, event: EntraAuditEvent): Assertion {
  const names = [...form.keys()];
  if (new Set(names).size < names.length) throw new AadstsError(9000411);
  if (form.get("grant_type") !== "client_credentials") throw new AadstsError(70003);
  if (!form.get("client_id")) {
    throw new AadstsError(900144, "The request body must contain the following parameter: 'client_id'.");
  }
  const text = form.get("client_assertion");
  if (!text && form.has("client_secret")) throw new AadstsError(7000215);
  if (!text || form.get("client_assertion_type") !== assertionType) throw new AadstsError(7000218);
  const assertion = decodeAssertion(text);
  event.assertion = describeAssertion(assertion);
  return assertion;
}

/**
 * The resource of the only `/.default` scope. A trailing slash of the resource belongs to it, as in `vault//.default`.
 */
function readResource(scope: string | null): string {
  const scopes = scope?.split(" ").filter((s) => s !== "") ?? [];
  const [only = ""] = scopes;
  if (scopes.length !== 1 || !/^.+\/\.default$/.test(only)) {
    throw new AadstsError(
      70011,
      "The provided value for the input parameter 'scope' is not valid. " +
        "Client credential flows must have one scope, the resource identifier suffixed with /.default.",
    );
  }
  return only.slice(0, -"/.default".length);
}

/**
 * The `claims` parameter (OpenID Connect Core §5.5): a JSON object. That a bad one is refused is documented; the error
 * number is our guess.
 */
function readClaims(text: string | null): Record<string, unknown> {
  if (!text) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Falls through to the same refusal as for JSON that is not an object.
  }
  throw new AadstsError(9002313);
}

/** Whether the client declares support for claims challenges: `{"access_token":{"xms_cc":{"values":["cp1"]}}}`. */
function announcesCae(claims: Record<string, unknown>): boolean {
  const accessToken = claims.access_token as { xms_cc?: { values?: unknown } } | undefined;
  const values = accessToken?.xms_cc?.values;
  return Array.isArray(values) && values.some((value) => String(value).toLowerCase() === "cp1");
}

/** A client that supports CAE gets tokens of 20 to 28 hours, as Microsoft Graph and others issue them. */
function caeLifetimeSeconds(): number {
  return 20 * 3600 + Math.floor(Math.random() * 8 * 3600);
}
