/** A clock that is set back by an hour must not make a token look younger or valid for longer than it is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { accessToken, counts } from "../../../support/fixtures/issuing.ts";
import { named, validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

const hourMs = 3_600_000;

/** Each time that this step of a mint is asked for, the clock is an hour behind the start of the test. */
function setBackDuring(world: World, step: "sign" | "requestToken"): void {
  const { sign } = world.signer;
  const { requestToken } = world.tokenEndpoint;
  const back = () => world.clock.set(startMs - hourMs);
  world.signer.sign = (input) => {
    if (step === "sign") back();
    return sign.call(world.signer, input);
  };
  world.tokenEndpoint.requestToken = (input) => {
    if (step === "requestToken") back();
    return requestToken.call(world.tokenEndpoint, input);
  };
}

for (const step of ["sign", "requestToken"] as const) {
  describe(`a clock that is set back during a mint (${step})`, () => {
    test("gives the caller no longer lifetime than Entra gave", async () => {
      const world = createWorld();
      setBackDuring(world, step);
      const issued = await issueToken(validRequest(), world.context);
      assert.ok(issued.ok);
      assert.equal(issued.value.expiresInSeconds, world.tokenEndpoint.expiresInSeconds);
    });

    test("does not keep the token in the cache after its end", async () => {
      const world = createWorld();
      setBackDuring(world, step);
      const first = await accessToken(world);
      world.clock.set(startMs - hourMs + 1000 * world.tokenEndpoint.expiresInSeconds);
      assert.notEqual(await accessToken(world), first);
    });

    test("does not let the token escape a later discard of older tokens", async () => {
      const world = createWorld();
      setBackDuring(world, step);
      const first = await accessToken(world);
      world.clock.advanceSeconds(60);
      const policy = validPolicy();
      named(policy.tenants, "contoso").tokensNotBefore = new Date(world.clock.now()).toISOString();
      world.applyPolicy(policy);
      assert.notEqual(await accessToken(world), first);
    });

    test("costs one signature, and the token is cached", async () => {
      const world = createWorld();
      setBackDuring(world, step);
      assert.equal(await accessToken(world), await accessToken(world));
      assert.equal(counts(world).signatures, 1);
    });
  });
}

test("a token minted by a clock that was an hour ahead is minted again once the clock is correct", async () => {
  const world = createWorld();
  const first = await accessToken(world);
  world.clock.set(startMs - hourMs);
  assert.notEqual(await accessToken(world), first);
  assert.equal(counts(world).signatures, 2);
});

test("a clock that is corrected by seconds costs no signature", async () => {
  const world = createWorld();
  const first = await accessToken(world);
  world.clock.set(startMs - 60_000);
  assert.equal(await accessToken(world), first);
});
