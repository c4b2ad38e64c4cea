import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import type { IssuingContext } from "../domain/issuing/context.ts";
import type { FaultReport, IssuingEvent } from "../domain/issuing/events.ts";
import { issueAssertion } from "../domain/issuing/issue-assertion.ts";
import { issueToken } from "../domain/issuing/issue-token.ts";
import type { Refusal } from "../domain/issuing/refusal.ts";
import type { Authorization } from "../domain/policy/access-policy.ts";
import { Fault, type FramesOf } from "../domain/shared/fault.ts";
import type { Guid } from "../domain/shared/guid.ts";
import { ok, type Result, refuse } from "../domain/shared/result.ts";
import { clientAssertionType } from "../domain/signing/client-assertion.ts";
import { accessTokenType } from "./caller-token.ts";
import { createKnownForms } from "./known-forms.ts";
import type { LoadLimit } from "./load-limit.ts";
import { faultResponse, issuedResponse, refusalResponse } from "./oauth-response.ts";
import { parseAssertionRequest, parseTokenRequest } from "./parse-token-request.ts";

type AnsweredEvent = Extract<IssuingEvent, { event: "request_answered" }>;
type Facts = Partial<AnsweredEvent>;

/** What the handlers need beyond issuing itself. */
export interface IssuingHandlerContext extends IssuingContext {
  load: LoadLimit;
}

/** `POST /{tenantId}/oauth2/v2.0/token`. */
export function tokenHandler(context: IssuingHandlerContext): HttpHandler {
  const knownForms = createKnownForms();
  return handler("token", context, async (request, facts) => {
    const parsed = await parseTokenRequest(request, knownForms);
    if (!parsed.ok) return parsed;
    noteRequest(facts, parsed.value);
    const issued = await issueToken(parsed.value, context, (authorization) => noteAuthorization(facts, authorization));
    if (!issued.ok) return issued;
    facts.cached = issued.value.cached;
    const body = {
      token_type: "Bearer",
      expires_in: issued.value.expiresInSeconds,
      access_token: issued.value.accessToken,
      ...(parsed.value.isTokenExchange ? { issued_token_type: accessTokenType } : {}),
    };
    return ok(issuedResponse(body));
  });
}

/** `POST /{tenantId}/oauth2/token`, where ADAL asks: the refusal names what to send instead. */
export function protocolV1Handler(context: IssuingHandlerContext): HttpHandler {
  return handler("token", context, async () => refuse({ reason: "protocol_v1" }));
}

/** `POST /{tenantId}/assertion`. */
export function assertionHandler(context: IssuingHandlerContext): HttpHandler {
  return handler("assertion", context, async (request, facts) => {
    const parsed = await parseAssertionRequest(request);
    if (!parsed.ok) return parsed;
    noteRequest(facts, parsed.value);
    const note = (authorization: Authorization) => noteAuthorization(facts, authorization);
    const issued = await issueAssertion(parsed.value, context, note);
    if (!issued.ok) return issued;
    const body = {
      client_assertion: issued.value.clientAssertion,
      client_assertion_type: clientAssertionType,
      expires_in: issued.value.expiresInSeconds,
    };
    return ok(issuedResponse(body));
  });
}

/** What both routes have in common: every request gets an answer and leaves exactly one event, whatever happens. */
function handler(
  operation: "token" | "assertion",
  context: IssuingHandlerContext,
  answer: (request: HttpRequest, facts: Facts) => Promise<Result<HttpResponseInit, Refusal>>,
): HttpHandler {
  return async (request: HttpRequest, invocation: InvocationContext) => {
    const startedMs = context.clock();
    const correlationId = invocation.invocationId;
    const facts: Facts = {};
    const answered = (outcome: AnsweredEvent["outcome"]) => {
      const durationMs = context.clock() - startedMs;
      context.record({ event: "request_answered", operation, correlationId, outcome, ...facts, durationMs });
      return { correlationId, nowMs: context.clock() };
    };
    if (!context.load.enter()) {
      facts.refusal = { reason: "overloaded" };
      return refusalResponse(facts.refusal, answered("refused"));
    }
    try {
      const result = await answer(request, facts);
      if (result.ok) {
        answered("issued");
        return result.value;
      }
      facts.refusal = result.refusal;
      return refusalResponse(result.refusal, answered("refused"));
    } catch (error) {
      facts.fault = reportOf(error, context.framesOf);
      return faultResponse(error, answered("fault"));
    } finally {
      context.load.leave();
    }
  };
}

/** Only the class and the stack frames of an unexpected error are reported: its message could contain anything. */
function reportOf(error: unknown, framesOf: FramesOf): FaultReport {
  if (!(error instanceof Fault)) {
    return { code: "unexpected", because: error instanceof Error ? error.name : "none", frames: framesOf(error) };
  }
  const { codes, because } = error.detail;
  return { code: error.code, ...(codes ? { codes } : {}), ...(because ? { because } : {}) };
}

function noteRequest(facts: Facts, request: { tenantId: Guid; clientId: Guid; scope?: string }): void {
  facts.tenantId = request.tenantId;
  facts.clientId = request.clientId;
  if (request.scope !== undefined) facts.scope = request.scope;
}

function noteAuthorization(facts: Facts, { caller }: Authorization): void {
  facts.callerObjectId = caller.objectId;
  facts.callerName = caller.name;
}
