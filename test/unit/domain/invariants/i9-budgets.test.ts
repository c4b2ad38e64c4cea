/** Invariant I9 (SECURITY.md): budgets and remembered failures limit the number of wasted signatures. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { issueAssertion } from "../../../../src/domain/issuing/issue-assertion.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { tokenHandler } from "../../../../src/http/issuing-handlers.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { answerOf, bearerRequest, question } from "../../../support/fixtures/http.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, assertionRequest, counts, faultOf, one } from "../../../support/fixtures/issuing.ts";
import { validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest } from "../../../support/fixtures/world.ts";

describe("I9 budgets and remembered failures limit the number of wasted signatures", () => {
  const tenants = [ids.contosoId, ids.fabrikamId];

  test("I9 a caller over its budget gets 429 with Retry-After, and another caller is still served", async () => {
    const world = createWorld({ limits: { perMinute: 100, perMinutePerCaller: 1 } });
    const handler = tokenHandler(world.context);
    const fields = question({ scope: ids.homeApiScope });
    assert.equal((await answerOf(handler, bearerRequest())).status, 200);
    const refused = await answerOf(handler, bearerRequest({ tenantId: ids.homeTenantId, fields }));
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [429, "60"]);
    const other = bearerRequest({ token: callerTokens.exporter, tenantId: ids.fabrikamId });
    assert.equal((await answerOf(handler, other)).status, 200);
    assert.equal((await answerOf(handler, bearerRequest())).status, 200, "a cached token costs nothing");
    world.clock.advanceSeconds(60);
    assert.equal((await answerOf(handler, bearerRequest({ tenantId: ids.homeTenantId, fields }))).status, 200);
    assert.equal(counts(world).signatures, 3);
  });

  test("I9 the total budget applies to all callers together, including assertions", async () => {
    const world = createWorld({ limits: { perMinute: 2, perMinutePerCaller: 2 } });
    await accessToken(world);
    assert.ok((await issueAssertion(assertionRequest, world.context)).ok);
    const issued = await issueAssertion(assertionRequest, world.context);
    assert.deepEqual(issued.ok ? {} : issued.refusal, {
      reason: "mint_budget_exceeded",
      callerObjectId: ids.exporterObjectId,
      budget: "total",
      retryAfterSeconds: 30,
    });
    assert.equal(counts(world).signatures, 2);
  });

  test("I9 a tenant that Entra refuses wastes one signature for 100 requests over 4 minutes, and one more after 5", async () => {
    for (const code of [501051, 650051, 53003, 90002, 500011]) {
      const world = createWorld();
      world.tokenEndpoint.always = rejection([code]);
      for (let count = 0; count < 100; count += 1) {
        assert.ok(!(await issueToken(validRequest(), world.context)).ok);
        world.clock.advanceMs(2_400);
      }
      assert.deepEqual(counts(world), one);
      world.clock.set(startMs + 300_000);
      assert.ok(!(await issueToken(validRequest(), world.context)).ok);
      assert.equal(counts(world).signatures, 2);
    }
  });

  test("I9 a missing consent wastes one signature in 30 s, for any number of requests and callers, then one more", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([7000229], { status: 401, error: "invalid_client" });
    for (let count = 0; count < 100; count += 1) {
      assert.ok(!(await issueToken(validRequest(), world.context)).ok);
      world.clock.advanceMs(299);
    }
    assert.deepEqual(counts(world), { signatures: 1, posts: 2, intents: 1 });
    world.clock.set(startMs + 30_000);
    assert.ok(!(await issueToken(validRequest(), world.context)).ok);
    assert.equal(counts(world).signatures, 2);
  });

  test("I9 one tenant's failure does not affect another tenant", async () => {
    const world = createWorld();
    world.tokenEndpoint.next.push(rejection([53003]));
    const results = await Promise.all(
      tenants.map((tenantId) =>
        issueToken(validRequest({ callerToken: callerTokens.exporter, tenantId }), world.context),
      ),
    );
    assert.deepEqual(
      results.map(({ ok }) => ok),
      [false, true],
    );
  });

  test("I9 a changed policy clears the remembered failures, because it may be the fix", async () => {
    const world = createWorld();
    world.tokenEndpoint.next.push(rejection([53003]));
    assert.ok(!(await issueToken(validRequest(), world.context)).ok);
    world.applyPolicy(validPolicy());
    assert.ok((await issueToken(validRequest(), world.context)).ok);
  });

  for (const code of ["credential_rejected", "signature_not_ours", "token_not_as_asked"] as const) {
    test(`I9 the fault ${code} wastes one signature in a minute, then one more`, async () => {
      const world = createWorld();
      const fault = new Fault(code);
      if (code.startsWith("sign")) world.signer.failure = fault;
      else world.tokenEndpoint.always = fault;
      for (let second = 0; second < 60; second += 1) {
        await assert.rejects(accessToken(world), faultOf(code));
        world.clock.advanceSeconds(1);
      }
      assert.equal(counts(world).signatures, 1);
      await assert.rejects(accessToken(world), faultOf(code));
      assert.equal(counts(world).signatures, 2);
    });
  }

  for (const code of ["signer_rejected", "signer_forbidden", "signer_unavailable", "ledger_unavailable"] as const) {
    test(`I9 the fault ${code} is probed by one mint at a time, for any number of callers, tenants and requests`, async () => {
      const world = createWorld();
      const fault = new Fault(code);
      if (code === "ledger_unavailable") world.ledger.isDown = true;
      else world.signer.failure = fault;
      let attempts = 0;
      const count = () => (code === "ledger_unavailable" ? attempts : counts(world).signatures);
      const { enter } = world.context.parts;
      world.context.parts.enter = (...args) => {
        const visit = enter(...args);
        attempts += 1;
        return visit;
      };
      for (let tick = 0; tick < 600; tick += 1) {
        const tenantId = tenants[tick % 2] ?? ids.contosoId;
        const asked = accessToken(world, { callerToken: callerTokens.exporter, tenantId });
        await assert.rejects(asked, faultOf(code));
        world.clock.set(startMs + Math.max(world.clock.now() - startMs, (tick + 1) * 100));
      }
      assert.ok(attempts <= 40, `${attempts} mints in a minute`);
      assert.ok(count() <= 2 * attempts, `${count()} attempts`);
    });
  }

  test("I9 a vault that refuses us for 10 s costs callers at most a second more, not a minute", async () => {
    const world = createWorld();
    world.signer.failure = new Fault("signer_forbidden");
    for (let second = 0; second < 10; second += 1) {
      await assert.rejects(accessToken(world), faultOf("signer_forbidden"));
      world.clock.advanceSeconds(1);
    }
    world.signer.failure = undefined;
    world.clock.advanceSeconds(1);
    assert.equal(typeof (await accessToken(world)), "string");
  });

  test("I9 an unexpected error is remembered like a fault: a bug does not sign at every request", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = new TypeError("a bug");
    for (let count = 0; count < 10; count += 1) await assert.rejects(accessToken(world));
    assert.equal(counts(world).signatures, 1);
  });

  test("I9 a short Retry-After from Entra does not cause a signature per request", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([], { status: 429, retryAfterSeconds: 0 });
    for (let count = 0; count < 10; count += 1) {
      await assert.rejects(accessToken(world), faultOf("token_endpoint_throttled"));
    }
    assert.equal(counts(world).signatures, 1);
  });
});
