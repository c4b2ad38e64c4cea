/** The answers of the token and assertion endpoints, from a real request to the bytes that are sent. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../../../src/domain/shared/fault.ts";
import { assertionHandler, protocolV1Handler, tokenHandler } from "../../../src/http/issuing-handlers.ts";
import { createLoadLimit } from "../../../src/http/load-limit.ts";
import { callerTokens } from "../../support/fakes/caller-verifier.ts";
import { rejection } from "../../support/fakes/token-endpoint.ts";
import {
  type Answer,
  accessTokenType,
  answerOf,
  bearerRequest,
  formRequest,
  invocationId,
  jsonRequest,
  presentations,
} from "../../support/fixtures/http.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { createWorld, thrownAt } from "../../support/fixtures/world.ts";

const noStore = { "cache-control": "no-store", pragma: "no-cache", "content-type": "application/json" };

function withoutCorrelation({ status, headers, body }: Answer): string {
  return JSON.stringify({ status, headers, body: { ...body, correlation_id: "", timestamp: "" } });
}

describe("the token endpoint", () => {
  for (const [name, present] of Object.entries(presentations)) {
    for (const [format, make] of Object.entries({ form: formRequest, JSON: jsonRequest })) {
      test(`answers a caller's token presented as ${name} in ${format}, as RFC 6749 §5.1 says`, async () => {
        const world = createWorld();
        const answer = await answerOf(tokenHandler(world.context), make(present(callerTokens.billing)));
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.headers, noStore);
        assert.deepEqual(answer.body, {
          token_type: "Bearer",
          expires_in: 3600,
          access_token: world.tokenEndpoint.issued[0],
          ...(name === "subject_token" ? { issued_token_type: accessTokenType } : {}),
        });
      });
    }
  }

  test("answers the same, byte for byte, for a tenant that is unknown, suspended or not granted", async () => {
    const world = createWorld();
    const handler = tokenHandler(world.context);
    const tenants = [ids.unknownTenantId, ids.suspendedTenantId, ids.fabrikamId, ids.homeTenantId];
    const answers = await Promise.all(tenants.map((tenantId) => answerOf(handler, bearerRequest({ tenantId }))));
    assert.deepEqual([...new Set(answers.map(withoutCorrelation))].length, 1);
    assert.equal(answers[0]?.status, 403);
  });

  test("answers the same, byte for byte, for a forged token and for one of an unknown caller", async () => {
    const world = createWorld();
    const handler = tokenHandler(world.context);
    const answers: Answer[] = [];
    for (const token of [callerTokens.forged, "x", "a.b.c"])
      answers.push(await answerOf(handler, bearerRequest({ token })));
    assert.equal(new Set(answers.map(withoutCorrelation)).size, 1);
    assert.equal(answers[0]?.status, 401);
  });

  test("tells the caller where an administrator of the tenant can consent", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([700016]);
    const { status, body } = await answerOf(tokenHandler(world.context), bearerRequest());
    assert.equal(status, 424);
    const url = `https://login.microsoftonline.com/${ids.contosoId}/adminconsent?client_id=${ids.clientId}`;
    assert.equal(body.admin_consent_url, url);
    assert.equal(body.correlation_id, invocationId);
  });

  test("an unexpected error is reported with its class and stack frames, never its message", async () => {
    const world = createWorld();
    world.callerVerifier.failure = new RangeError("s3cret");
    const { status, body } = await answerOf(tokenHandler(world.context), bearerRequest());
    assert.equal(status, 500);
    const [event] = world.events.filter((each) => each.event === "request_answered");
    assert.deepEqual(event?.fault, { code: "unexpected", because: "RangeError", frames: [thrownAt] });
    assert.doesNotMatch(JSON.stringify([body, world.events]), /s3cret/);
    assert.doesNotMatch(JSON.stringify(body), /thrower/);
  });

  test("a thrown value that is not an Error is reported as such, and answered", async () => {
    const world = createWorld();
    for (const thrown of ["s3cret", { name: "s3cret" }]) {
      world.callerVerifier.failure = thrown as Error;
      assert.equal((await answerOf(tokenHandler(world.context), bearerRequest())).status, 500);
    }
    const faults = world.events.flatMap((event) => (event.event === "request_answered" ? [event.fault] : []));
    assert.deepEqual(
      faults.map((fault) => [fault?.code, fault?.because]),
      Array(2).fill(["unexpected", "none"]),
    );
  });

  test("a fault is reported with its code, without stack frames", async () => {
    const world = createWorld();
    world.callerVerifier.failure = new Fault("caller_keys_unavailable");
    await answerOf(tokenHandler(world.context), bearerRequest());
    const [event] = world.events.filter((each) => each.event === "request_answered");
    assert.deepEqual(event?.fault, { code: "caller_keys_unavailable" });
  });

  test("leaves one event per request: issued, cached, refused and fault, with the reason that is hidden from the caller", async () => {
    const world = createWorld();
    const handler = tokenHandler(world.context);
    await answerOf(handler, bearerRequest());
    await answerOf(handler, bearerRequest());
    await answerOf(handler, bearerRequest({ tenantId: ids.unknownTenantId }));
    world.callerVerifier.failure = new Fault("caller_keys_unavailable");
    await answerOf(handler, bearerRequest());
    world.callerVerifier.failure = new TypeError("https://v.vault.azure.net");
    await answerOf(handler, bearerRequest());
    const who = { callerObjectId: ids.billingObjectId, callerName: "billing" };
    const asked = { tenantId: ids.contosoId, clientId: ids.clientId, scope: ids.graphScope };
    const common = { event: "request_answered", operation: "token", correlationId: invocationId, durationMs: 0 };
    const refusal = { reason: "not_granted", callerObjectId: ids.billingObjectId, because: "tenant_unknown" };
    assert.deepEqual(
      world.events.filter(({ event }) => event === "request_answered"),
      [
        { ...common, ...asked, ...who, outcome: "issued", cached: false },
        { ...common, ...asked, ...who, outcome: "issued", cached: true },
        { ...common, ...asked, outcome: "refused", tenantId: ids.unknownTenantId, refusal },
        { ...common, ...asked, outcome: "fault", fault: { code: "caller_keys_unavailable" } },
        {
          ...common,
          ...asked,
          outcome: "fault",
          fault: { code: "unexpected", because: "TypeError", frames: [thrownAt] },
        },
      ],
    );
  });

  test("refuses a request that is not a token request, with the missing parameter and its meaning", async () => {
    const world = createWorld();
    const { status, body } = await answerOf(tokenHandler(world.context), bearerRequest({ fields: {} }));
    assert.deepEqual([status, body.error_description], [400, "Keyhold: grant_type is required"]);
    const fields = { grant_type: "client_credentials" };
    const withoutClient = await answerOf(tokenHandler(world.context), bearerRequest({ fields }));
    assert.equal(
      withoutClient.body.error_description,
      "Keyhold: client_id is required: the GUID of the application to act as, beside an assertion too",
    );
  });

  test("leaves an event too if it refuses because of too many other requests", async () => {
    const world = createWorld();
    await answerOf(tokenHandler({ ...world.context, load: createLoadLimit(0) }), bearerRequest());
    const common = { event: "request_answered", operation: "token", correlationId: invocationId, durationMs: 0 };
    assert.deepEqual(world.events, [{ ...common, outcome: "refused", refusal: { reason: "overloaded" } }]);
  });

  test("reports the codes and the cause of a fault, if it has them", async () => {
    const world = createWorld();
    world.callerVerifier.failure = new Fault("credential_rejected", { codes: [700027], because: "x" });
    await answerOf(tokenHandler(world.context), bearerRequest());
    world.callerVerifier.failure = new Fault("credential_rejected");
    await answerOf(tokenHandler(world.context), bearerRequest());
    const faults = world.events.flatMap((event) => (event.event === "request_answered" ? [event.fault] : []));
    assert.deepEqual(faults, [
      { code: "credential_rejected", codes: [700027], because: "x" },
      { code: "credential_rejected" },
    ]);
  });

  test("answers with our own fault, not the caller's, when our credential is refused", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([700027], { status: 401, error: "invalid_client" });
    const { status, headers, body } = await answerOf(tokenHandler(world.context), bearerRequest());
    assert.deepEqual([status, body.error, body.error_codes], [502, "server_error", [700027]]);
    assert.equal(headers["www-authenticate"], undefined);
    assert.equal(headers["retry-after"], "1");
  });
});

describe("the assertion endpoint", () => {
  const fields = { client_id: ids.clientId };

  test("returns an assertion to a caller with a grant for it", async () => {
    const world = createWorld();
    const request = bearerRequest({ token: callerTokens.exporter, fields });
    const { status, headers, body } = await answerOf(assertionHandler(world.context), request);
    assert.equal(status, 200);
    assert.deepEqual(headers, noStore);
    assert.match(String(body.client_assertion), /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{342}$/);
    assert.equal(body.client_assertion_type, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert.equal(body.expires_in, 120);
    assert.deepEqual(
      world.events.filter(({ event }) => event === "request_answered"),
      [
        {
          ...{ event: "request_answered", operation: "assertion", correlationId: invocationId, durationMs: 0 },
          ...{ tenantId: ids.contosoId, clientId: ids.clientId, outcome: "issued" },
          ...{ callerObjectId: ids.exporterObjectId, callerName: "exporter" },
        },
      ],
    );
  });

  test("returns none to a caller with a grant for tokens only, nor to any caller for the home tenant", async () => {
    const world = createWorld();
    const handler = assertionHandler(world.context);
    const token = callerTokens.exporter;
    assert.equal((await answerOf(handler, bearerRequest({ fields }))).status, 403);
    assert.equal((await answerOf(handler, bearerRequest({ token, fields, tenantId: ids.homeTenantId }))).status, 403);
    assert.deepEqual(world.journal, []);
  });

  test("refuses a scope, to which an assertion cannot be bound", async () => {
    const world = createWorld();
    const request = bearerRequest({ token: callerTokens.exporter });
    const { status, body } = await answerOf(assertionHandler(world.context), request);
    assert.deepEqual([status, body.error], [400, "invalid_request"]);
  });
});

test("the v1 protocol gets no token but a hint what to send instead, without I/O", async () => {
  const world = createWorld();
  const { status, body } = await answerOf(protocolV1Handler(world.context), bearerRequest());
  assert.equal(status, 400);
  assert.match(String(body.error_description), /^Keyhold: this is Entra's v1 protocol.*\/oauth2\/v2\.0\/token/);
  assert.deepEqual(world.events, [
    {
      ...{ event: "request_answered", operation: "token", correlationId: invocationId, durationMs: 0 },
      ...{ outcome: "refused", refusal: { reason: "protocol_v1" } },
    },
  ]);
  assert.deepEqual(world.journal, []);
});
