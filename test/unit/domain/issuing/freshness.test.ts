/** Which tokens are too old to be served. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, counts, faultOf } from "../../../support/fixtures/issuing.ts";
import { named, validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, type World } from "../../../support/fixtures/world.ts";

/** The policy with contoso's older tokens discarded. */
function discarding(notBeforeMs: number) {
  const policy = validPolicy();
  named(policy.tenants, "contoso").tokensNotBefore = new Date(notBeforeMs).toISOString();
  return policy;
}

const fabrikam = { callerToken: callerTokens.exporter, tenantId: ids.fabrikamId };

describe("tokensNotBefore of a tenant", () => {
  test("discards what was minted earlier within 60 s, of this tenant alone, and what is minted then is cached", async () => {
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

  test("leaves a token alone that was minted at that time or later", async () => {
    const world = createWorld();
    const token = await accessToken(world);
    world.applyPolicy(discarding(startMs));
    assert.equal(await accessToken(world), token);
    world.applyPolicy(discarding(startMs + 1));
    assert.notEqual(await accessToken(world), token);
  });

  test("purges the discarded tokens from memory as the policy is applied", async () => {
    const world = createWorld();
    await accessToken(world);
    await accessToken(world, fabrikam);
    world.clock.advanceSeconds(1);
    world.applyPolicy(discarding(startMs + 1));
    await accessToken(world, fabrikam);
    assert.equal(world.tokenCache.size, 1);
  });

  test("holds while nothing can be minted: an old token is not served then either", async () => {
    const world = createWorld();
    await accessToken(world);
    world.clock.advanceSeconds(1);
    world.applyPolicy(discarding(startMs + 1));
    world.tokenEndpoint.always = new Fault("token_endpoint_unavailable");
    await assert.rejects(accessToken(world), faultOf("token_endpoint_unavailable"));
  });

  test("also discards what was being minted at that time: whoever waits for it gets the next one", async () => {
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
