/** Which token is returned, which lifetime the caller sees, and what a failed renewal reports. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, counts, faultOf } from "../../../support/fixtures/issuing.ts";
import { validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

describe("a cached token", () => {
  test("is returned while two minutes are left, and marked as cached", async () => {
    const world = createWorld();
    const minted = await issueToken(validRequest(), world.context);
    assert.deepEqual(minted.ok && [minted.value.cached, minted.value.expiresInSeconds], [false, 3_600]);
    world.clock.set(startMs + 3_480_000);
    const cached = await issueToken(validRequest(), world.context);
    assert.deepEqual(cached.ok && [cached.value.cached, cached.value.expiresInSeconds], [true, 120]);
  });

  for (const [what, failure] of [
    ["is refused", rejection([53003])],
    ["fails", new Fault("token_endpoint_rejected")],
  ] as const) {
    test(`is replaced first if a second less is left, and returned if that ${what}`, async () => {
      const world = createWorld();
      const first = await accessToken(world);
      world.clock.set(startMs + 3_481_000);
      world.tokenEndpoint.next.push(failure);
      const fallback = await issueToken(validRequest(), world.context);
      assert.deepEqual(fallback.ok && fallback.value, { accessToken: first, expiresInSeconds: 119, cached: true });
      assert.equal(counts(world).posts, 2);
    });
  }

  test("of a clock that was more than a minute ahead is not returned, even if nothing can be minted", async () => {
    for (const [aheadMs, isServed] of [
      [60_000, true],
      [60_001, false],
    ] as const) {
      const world = createWorld();
      const first = await accessToken(world);
      world.clock.set(startMs - aheadMs);
      world.signer.failure = new Fault("signer_forbidden");
      const asking = accessToken(world);
      if (isServed) assert.equal(await asking, first);
      else await assert.rejects(asking, faultOf("signer_forbidden"));
    }
  });

  test("is not returned while the key version of its client is disabled, even if that lasts a day", async () => {
    const world = createWorld();
    await accessToken(world);
    const client = world.policy.clients.get(ids.clientId) ?? assert.fail();
    world.credentials.noteDisabled(client, client.certificates[0] ?? assert.fail(), world.clock.now());
    world.signer.failure = new Fault("signer_key_disabled");
    await assert.rejects(accessToken(world), faultOf("signer_key_disabled"));
  });
});

test("a token that expired while it was minted is returned with a lifetime of zero, never less", async () => {
  const world = createWorld();
  const { requestToken } = world.tokenEndpoint;
  world.tokenEndpoint.requestToken = async (input) => {
    const answer = await requestToken.call(world.tokenEndpoint, input);
    world.clock.advanceSeconds(7_200);
    return answer;
  };
  const issued = await issueToken(validRequest(), world.context);
  assert.equal(issued.ok && issued.value.expiresInSeconds, 0);
});

test("the caller is named as soon as it is verified, and a refused caller is not", async () => {
  const world = createWorld();
  const admitted: string[] = [];
  const note = ({ caller }: { caller: { objectId: string } }) => void admitted.push(caller.objectId);
  world.tokenEndpoint.always = rejection([53003]);
  await issueToken(validRequest(), world.context, note);
  await issueToken(validRequest({ callerToken: callerTokens.leaver }), world.context, note);
  assert.deepEqual(admitted, [ids.billingObjectId]);
});

test("a token has the lifetime that Entra gave it, in the middle of a second too", async () => {
  const world = createWorld();
  world.clock.advanceMs(500);
  const issued = await issueToken(validRequest(), world.context);
  assert.equal(issued.ok && issued.value.expiresInSeconds, 3_600);
});

test("tokens that are due for renewal at the same time are each renewed", async () => {
  const world = createWorld();
  const other = { tenantId: ids.fabrikamId, callerToken: callerTokens.exporter };
  const requests = [{}, other];
  const first = [await accessToken(world), await accessToken(world, other)];
  world.clock.set(startMs + 3_200_000);
  for (const request of requests) await accessToken(world, request);
  await world.settled();
  for (const [index, request] of requests.entries()) {
    assert.notEqual(await accessToken(world, request), first[index]);
  }
});

describe("a renewal that fails", () => {
  const failures = ({ events }: World) => events.filter(({ event }) => event === "token_renewal_failed");
  const place = { tenantId: ids.contosoId, clientId: ids.clientId, scope: ids.graphScope };

  for (const [what, answer, event] of [
    ["a refusal", rejection([53003]), { reason: "tenant_blocked" }],
    ["a fault without numbers", new Fault("token_not_as_asked"), { reason: "token_not_as_asked" }],
    [
      "a fault with numbers",
      new Fault("token_endpoint_rejected", { codes: [1] }),
      { reason: "token_endpoint_rejected", codes: [1] },
    ],
  ] as const) {
    test(`by ${what} is reported in an event with the token's key, and the next success is not reported`, async () => {
      const world = createWorld();
      const first = await accessToken(world);
      world.clock.set(startMs + 3_200_000);
      world.tokenEndpoint.next.push(answer);
      assert.equal(await accessToken(world), first);
      await world.settled();
      assert.deepEqual(failures(world), [{ event: "token_renewal_failed", ...place, ...event }]);
      world.applyPolicy(validPolicy());
      assert.equal(await accessToken(world), first);
      await world.settled();
      assert.notEqual(await accessToken(world), first);
      assert.equal(failures(world).length, 1);
    });
  }
});

test("a probe that gets a token ends the outage for everybody", async () => {
  const world = createWorld();
  world.signer.failure = new Fault("signer_forbidden");
  await assert.rejects(accessToken(world), faultOf("signer_forbidden"));
  world.signer.failure = undefined;
  world.clock.advanceSeconds(1);
  await accessToken(world);
  await accessToken(world, { tenantId: ids.fabrikamId, callerToken: callerTokens.exporter });
  assert.equal(world.tokenEndpoint.issued.length, 2);
});

test("a probe over its caller's budget passes the probe to another caller, at once", async () => {
  const world = createWorld({ limits: { perMinute: 9, perMinutePerCaller: 1 } });
  world.signer.failure = new Fault("signer_forbidden");
  await assert.rejects(accessToken(world), faultOf("signer_forbidden"));
  world.signer.failure = undefined;
  world.clock.advanceSeconds(1);
  const refused = await issueToken(validRequest(), world.context);
  assert.equal(!refused.ok && refused.refusal.reason, "mint_budget_exceeded");
  assert.ok(await accessToken(world, { callerToken: callerTokens.exporter }));
});

test("a client without a valid certificate gets no token, and nothing is signed", async () => {
  const world = createWorld();
  world.context.credentials = { ...world.credentials, certificateOf: () => undefined };
  await assert.rejects(accessToken(world), faultOf("certificate_not_valid"));
  assert.deepEqual(world.journal, []);
});

test("a bug is remembered like a request that Entra rejects, so that it does not sign at every request", async () => {
  const world = createWorld();
  world.tokenEndpoint.always = new TypeError("a bug");
  await assert.rejects(accessToken(world), TypeError);
  await assert.rejects(accessToken(world), faultOf("token_endpoint_rejected"));
  assert.equal(counts(world).signatures, 1);
});
