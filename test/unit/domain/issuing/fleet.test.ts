/** Instances that share tokens: one of the fleet mints, and no answer depends on the shared cache. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findInFleet } from "../../../../src/domain/issuing/fleet.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { tokenCacheKey } from "../../../../src/domain/issuing/token-cache.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeSharedCache } from "../../../support/fakes/shared-tokens.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, counts, none, one } from "../../../support/fixtures/issuing.ts";
import { validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

const place = { cloud: "public", clientId: ids.clientId, tenantId: ids.contosoId, scope: ids.graphScope } as const;

/** So many instances with one shared cache. Each has a vault and an Entra of its own, which count what it asked. */
function createFleet(size: number) {
  const cache = createFakeSharedCache();
  const instances = Array.from({ length: size }, (_, index) => {
    const world = createWorld();
    world.context.sharedTokens = cache.of(`instance-${index}`);
    const { requestToken } = world.tokenEndpoint;
    world.context.tokenEndpoint = {
      async requestToken(input) {
        const answer = await requestToken.call(world.tokenEndpoint, input);
        return answer.issued ? { ...answer, accessToken: `${answer.accessToken}.of-instance-${index}` } : answer;
      },
    };
    world.context.sleep = async (_ms, signal) => {
      await new Promise(setImmediate);
      signal.throwIfAborted();
    };
    return world;
  });
  return { cache, instances, signatures: () => instances.reduce((sum, world) => sum + counts(world).signatures, 0) };
}

/** A fleet of two, of which the first has minted. */
async function createWarmFleet() {
  const fleet = createFleet(2);
  const [first, second] = fleet.instances as [World, World];
  const token = await accessToken(first);
  return { ...fleet, first, second, token };
}

describe("a fleet that shares tokens", () => {
  test("makes one signature for a key that all request at once, and all return the same token", async () => {
    const { instances, signatures } = createFleet(4);
    const requests = instances.flatMap((world) => Array.from({ length: 25 }, () => accessToken(world)));
    assert.equal(new Set(await Promise.all(requests)).size, 1);
    assert.equal(signatures(), 1);
  });

  test("makes no signature for an instance that starts later, and uses none of its budget", async () => {
    const { second, token } = await createWarmFleet();
    second.context.budget.take = () => assert.fail("a token of the fleet costs no budget");
    assert.equal(await accessToken(second), token);
    assert.deepEqual(counts(second), none);
    assert.equal(await accessToken(second), token, "from its own memory");
  });

  test("serves a token of the fleet while the vault of this instance is down", async () => {
    const { second, token } = await createWarmFleet();
    second.signer.failure = new Fault("signer_unavailable");
    assert.equal(await accessToken(second), token);
  });

  test("renews once: the second instance uses the token that the first has renewed", async () => {
    const { first, second, token, signatures } = await createWarmFleet();
    await accessToken(second);
    for (const world of [first, second]) world.clock.set(startMs + 3_200_000);
    assert.equal(await accessToken(first), token);
    await first.settled();
    // The claim of the first mint has run out long ago, that of the renewal is still there.
    assert.equal(await accessToken(second), token);
    await second.settled();
    assert.equal(signatures(), 2);
    assert.notEqual(await accessToken(second), token);
    assert.equal(await accessToken(second), await accessToken(first));
  });

  test("renews by itself if the token of the fleet was minted by a clock that is ahead", async () => {
    const { cache, first, second } = await createWarmFleet();
    await accessToken(second);
    for (const world of [first, second]) world.clock.set(startMs + 3_200_000);
    for (const [name, shared] of cache.tokens) {
      cache.tokens.set(name, { ...shared, mintedAtMs: startMs + 3_400_000, expiresAt: shared.expiresAt + 3_400 });
    }
    cache.claims.clear();
    await accessToken(second);
    await second.settled();
    assert.deepEqual(counts(second), one);
  });

  test("answers a demand for a new token from the fleet only if that token is new", async () => {
    const { first, second, token } = await createWarmFleet();
    const demanded = () => issueToken(validRequest({ demand: "no-cache" }), second.context);
    const within = await demanded();
    assert.equal(within.ok && within.value.accessToken, token, "minted within the last minute");
    for (const world of [first, second]) world.clock.advanceSeconds(60);
    await demanded();
    assert.deepEqual(counts(second), one);
  });

  test("does not revive a token that the policy has discarded", async () => {
    const { second, token } = await createWarmFleet();
    second.clock.advanceSeconds(10);
    const policy = validPolicy();
    const tokensNotBefore = new Date(startMs + 5_000).toISOString();
    for (const tenant of policy.tenants)
      if (tenant.tenantId === ids.contosoId) Object.assign(tenant, { tokensNotBefore });
    second.applyPolicy(policy);
    assert.notEqual(await accessToken(second), token);
    assert.deepEqual(counts(second), one);
  });

  test("does not bypass a disabled key: a stopped client asks the vault", async () => {
    const { second, token } = await createWarmFleet();
    const client = second.policy.clients.get(ids.clientId);
    const [certificate] = client?.certificates ?? [];
    if (!client || !certificate) return assert.fail("the client of the fixture has a certificate");
    second.credentials.noteDisabled(client, certificate, second.clock.now());
    second.signer.failure = new Fault("signer_key_disabled");
    await assert.rejects(accessToken(second), Fault);
    second.signer.failure = undefined;
    second.clock.advanceSeconds(15);
    assert.notEqual(await accessToken(second), token);
  });

  test("is not asked for a refused caller (I2)", async () => {
    const { cache, second } = await createWarmFleet();
    const before = cache.finds.length;
    await issueToken(validRequest({ callerToken: "not a token" }), second.context);
    await issueToken(
      validRequest({ tenantId: ids.fabrikamId, scope: ids.scope("api://not-granted/.default") }),
      second.context,
    );
    assert.equal(cache.finds.length, before);
  });
});

describe("a claim to mint", () => {
  test("is requested together with the look for a token, so that a mint waits for only one round trip", async () => {
    const { instances } = createFleet(1);
    const [world] = instances as [World];
    const { sharedTokens } = world.context;
    if (!sharedTokens) return assert.fail("the fleet shares tokens");
    const asked: string[] = [];
    const both = Promise.withResolvers<void>();
    world.context.sharedTokens = {
      ...sharedTokens,
      async find() {
        asked.push("find");
        await both.promise;
        return undefined;
      },
      async claim() {
        asked.push("claim");
        both.resolve();
        return "granted";
      },
    };
    await accessToken(world);
    assert.deepEqual(asked.toSorted(), ["claim", "find"]);
  });

  test("that was not needed, because there was a token, is released", async () => {
    const { cache, second } = await createWarmFleet();
    cache.claims.clear();
    await accessToken(second);
    await second.settled();
    assert.equal(cache.claims.size, 0);
  });

  test("is not requested in advance in a burst", async () => {
    const { cache, second } = await createWarmFleet();
    cache.isBusy = true;
    Object.assign(second.context.sharedTokens ?? {}, { claim: () => assert.fail("there is a token") });
    await accessToken(second);
  });

  test("that another instance holds and never redeems costs two seconds, and then this one mints", async () => {
    const { cache, instances } = createFleet(1);
    const [world] = instances as [World];
    cache.claims.set(tokenCacheKey(place), "an instance that was killed");
    let waitedMs = 0;
    world.context.sleep = async (ms) => {
      waitedMs += ms;
    };
    await accessToken(world);
    assert.deepEqual(counts(world), one);
    assert.ok(waitedMs >= 1_000 && waitedMs <= 3_000, `waited ${waitedMs} ms`);
  });

  for (const { looks, claims } of [
    { looks: 1, claims: 0 },
    { looks: 4, claims: 1 },
  ]) {
    test(`is not requested after two seconds, which allow ${looks} looks in a burst: this instance mints`, async () => {
      const { cache, instances } = createFleet(1);
      const [{ context }] = instances as [World];
      const sharedTokens = cache.of("an instance");
      const deadline = new AbortController();
      cache.isBusy = true;
      cache.claims.set(tokenCacheKey(place), "another instance");
      let [looked, claimed] = [0, 0];
      const found = await findInFleet(place, () => true, {
        ...context,
        sharedTokens: {
          ...sharedTokens,
          async find() {
            looked += 1;
            if (looked === looks) deadline.abort();
            return undefined;
          },
          claim(key) {
            claimed += 1;
            return sharedTokens.claim(key);
          },
        },
        startDeadline: (withinMs) => ({ atMs: startMs + withinMs, signal: deadline.signal }),
      });
      assert.equal(found, undefined);
      assert.deepEqual({ looked, claimed }, { looked: looks, claimed: claims });
    });
  }

  test("is released when the mint fails, so that the next instance need not wait", async () => {
    const { cache, instances } = createFleet(2);
    const [first, second] = instances as [World, World];
    first.tokenEndpoint.always = rejection([53003]);
    await issueToken(validRequest(), first.context);
    assert.equal(cache.claims.size, 0);
    await accessToken(second);
    assert.deepEqual(counts(second), one);
  });
});

describe("a failing shared cache", () => {
  test("loses no answer: each instance mints for itself", async () => {
    const { cache, instances, signatures } = createFleet(3);
    cache.isDown = true;
    await Promise.all(instances.map((world) => accessToken(world)));
    assert.equal(signatures(), 3);
  });

  test("does not delay an answer while it stores the new token", async () => {
    const { instances } = createFleet(1);
    const [world] = instances as [World];
    Object.assign(world.context.sharedTokens ?? {}, { store: () => new Promise(() => {}) });
    assert.ok(await accessToken(world));
  });
});
