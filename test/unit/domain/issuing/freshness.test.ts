/** Which tokens are too old to be served. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, counts, faultOf } from "../../../support/fixtures/issuing.ts";
import { named, validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

/** The policy with contoso's older tokens discarded. */
function discarding(notBeforeMs: number) {
  const policy = validPolicy();
  named(policy.tenants, "contoso").tokensNotBefore = new Date(notBeforeMs).toISOString();
  return policy;
}

const fabrikam = { callerToken: callerTokens.exporter, tenantId: ids.fabrikamId };

describe("tokensNotBefore of a tenant", () => {
  test("discards tokens minted earlier within 60 s, for this tenant only, and then caches new ones", async () => {
    const world = createWorld();
    const [before, other] = [await accessToken(world), await accessToken(world, fabrikam)];
    world.clock.advanceSeconds(600);
    world.applyPolicy(discarding(world.clock.now()));
    const after = await accessToken(world);
    assert.notEqual(after, before);
    assert.equal(await accessToken(world), after);
    assert.equal(await accessToken(world, fabrikam), other);
    assert.equal(counts(world).signatures, 3);
  });

  test("keeps a token that was minted at that time or later", async () => {
    const world = createWorld();
    const token = await accessToken(world);
    world.applyPolicy(discarding(startMs));
    assert.equal(await accessToken(world), token);
    world.applyPolicy(discarding(startMs + 1));
    assert.notEqual(await accessToken(world), token);
  });

  test("purges the discarded tokens from memory when the policy is applied", async () => {
    const world = createWorld();
    await accessToken(world);
    await accessToken(world, fabrikam);
    world.clock.advanceSeconds(1);
    world.applyPolicy(discarding(startMs + 1));
    await accessToken(world, fabrikam);
    assert.equal(world.tokenCache.size, 1);
  });

  test("applies even while nothing can be minted: an old token is not served then either", async () => {
    const world = createWorld();
    await accessToken(world);
    world.clock.advanceSeconds(1);
    world.applyPolicy(discarding(startMs + 1));
    world.tokenEndpoint.always = new Fault("token_endpoint_unavailable");
    await assert.rejects(accessToken(world), faultOf("token_endpoint_unavailable"));
  });

  test("also discards a token that was being minted at that time: its waiting requests get the next one", async () => {
    const world = createWorld();
    const { release } = holdNextExchange(world);
    const early = accessToken(world);
    await nextTurn();
    world.clock.advanceSeconds(1);
    world.applyPolicy(discarding(startMs + 1));
    const late = accessToken(world);
    await nextTurn();
    release();
    assert.notEqual(await late, await early);
    assert.equal(await accessToken(world), await late);
    assert.equal(counts(world).posts, 2);
  });
});

describe("a demand for a new token", () => {
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1780315200"}}}';
  const demands = { "no-cache": "no-cache", claims: { claims } } as const;

  for (const [name, demand] of Object.entries(demands)) {
    test(`(${name}) mints once a minute, and the new token replaces the cached one`, async () => {
      const world = createWorld();
      const old = await accessToken(world);
      world.clock.advanceSeconds(60);
      const fresh = await accessToken(world, { demand });
      assert.notEqual(fresh, old);
      assert.equal(await accessToken(world), fresh);
      world.clock.advanceMs(59_999);
      assert.equal(await accessToken(world, { demand }), fresh);
      world.clock.advanceMs(1);
      assert.notEqual(await accessToken(world, { demand }), fresh);
      assert.equal(counts(world).signatures, 3);
    });

    test(`(${name}) is answered by a token that was minted without it within the last minute`, async () => {
      const world = createWorld();
      const first = await accessToken(world);
      world.clock.advanceMs(59_999);
      assert.equal(await accessToken(world, { demand }), first);
    });

    test(`(${name}) of a thousand callers at once makes one signature (I1)`, async () => {
      const world = createWorld();
      await accessToken(world);
      world.clock.advanceSeconds(60);
      const tokens = await Promise.all(Array.from({ length: 1000 }, () => accessToken(world, { demand })));
      assert.equal(new Set(tokens).size, 1);
      assert.equal(counts(world).signatures, 2);
    });

    test(`(${name}) is charged to the caller's budget, and applies to one tenant and scope only`, async () => {
      const world = createWorld({ limits: { perMinute: 9, perMinutePerCaller: 2 } });
      await accessToken(world);
      const other = await accessToken(world, fabrikam);
      world.clock.advanceSeconds(60);
      await accessToken(world, { demand });
      assert.equal(await accessToken(world, fabrikam), other);
      assert.equal(world.context.budget.take(ids.billingObjectId, world.clock.now()).ok, true);
      assert.equal(world.context.budget.take(ids.billingObjectId, world.clock.now()).ok, false);
    });
  }

  test("passes claims on to Entra, and sends none for a request without claims", async () => {
    const world = createWorld();
    await accessToken(world, { demand: { claims } });
    world.clock.advanceSeconds(60);
    await accessToken(world, { demand: "no-cache" });
    assert.deepEqual(
      world.tokenEndpoint.calls.map((call) => call.claims),
      [claims, undefined],
    );
  });

  for (const [kind, failure] of [
    ["a fault", new Fault("token_endpoint_unavailable")],
    ["a refusal", rejection([700016])],
  ] as const) {
    test(`(no-cache) that ends in ${kind} is answered from the cache (I3)`, async () => {
      const world = createWorld();
      const old = await accessToken(world);
      world.clock.advanceSeconds(60);
      world.tokenEndpoint.always = failure;
      assert.equal(await accessToken(world, { demand: "no-cache" }), old);
    });

    test(`(claims) that ends in ${kind} is answered with it, because the resource rejected the cached token`, async () => {
      const world = createWorld();
      await accessToken(world);
      world.clock.advanceSeconds(60);
      world.tokenEndpoint.always = failure;
      await assert.rejects(accessToken(world, { demand: { claims } }));
    });
  }

  test("(claims) that Entra refuses fails no request without claims, and does not cost a signature per request", async () => {
    const world = createWorld();
    world.tokenEndpoint.next.push(rejection([9002313]));
    for (let i = 0; i < 3; i += 1) {
      await assert.rejects(accessToken(world, { demand: { claims } }), faultOf("token_endpoint_rejected"));
    }
    assert.equal(counts(world).signatures, 1);
    await accessToken(world);
    assert.equal(counts(world).signatures, 2);
  });

  test("never returns a token of a client whose key version is disabled, or without a grant", async () => {
    const world = createWorld();
    await accessToken(world);
    world.clock.advanceSeconds(60);
    const refused = await issueToken(
      validRequest({ demand: "no-cache", callerToken: callerTokens.leaver }),
      world.context,
    );
    assert.equal(refused.ok, false);
    assert.equal(counts(world).signatures, 1);
    world.signer.failure = new Fault("signer_key_disabled");
    await assert.rejects(accessToken(world, { demand: "no-cache" }), faultOf("signer_key_disabled"));
  });
});

/** Entra answers the next request only when it is released. */
function holdNextExchange(world: World): { release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { requestToken } = world.tokenEndpoint;
  let isHeld = true;
  world.tokenEndpoint.requestToken = async (input) => {
    const mustWait = isHeld;
    isHeld = false;
    if (mustWait) await promise;
    return requestToken.call(world.tokenEndpoint, input);
  };
  return { release: resolve };
}
