/** The keys that verify tokens, as one process knows them. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { startMs } from "../../../support/fakes/clock.ts";
import { createKeptWorld } from "../../../support/fixtures/kept-world.ts";
import {
  answer,
  federationOf,
  foreign,
  jwksOf,
  one,
  two,
  unreachable,
} from "../../../support/fixtures/refresh-world.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
let world: ReturnType<typeof createKeptWorld>;
beforeEach(() => {
  world = createKeptWorld();
});
const settle = async () => {
  for (let i = 0; i < 20; i++) await turn();
};

describe("a key", () => {
  test("that is known is found without a request to the provider, as the same object after a refresh too", async () => {
    const kept = world.instance();
    await kept.refresh(startMs);
    const key = await kept.findKey(one.kid, startMs);
    assert.ok(typeof key === "object" && key.export({ format: "jwk" }).n === one.n);
    await kept.refresh(startMs + 1);
    assert.equal(await kept.findKey(one.kid, startMs + 1), key);
    assert.equal(world.refreshes(), 2);
  });

  test("that is known is found without waiting for a refresh that is running", async () => {
    const kept = world.instance();
    await kept.refresh(startMs);
    world.answering = new Promise(() => {});
    void kept.refresh(startMs + 1);
    await settle();
    const found = await Promise.race([kept.findKey(one.kid, startMs + 1), settle().then(() => "waits")]);
    assert.equal(typeof found, "object");
    assert.deepEqual(world.limits, []);
  });

  test("that was not confirmed for a day is not found, and the provider is asked once more", async () => {
    const kept = world.instance();
    world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(one, two)) };
    await kept.refresh(startMs);
    world.answers.jwks = answer(jwksOf(two));
    await kept.refresh(startMs + dayMs - 1);
    assert.equal(typeof (await kept.findKey(one.kid, startMs + dayMs - 1)), "object");
    assert.equal(await kept.findKey(one.kid, startMs + dayMs), "unknown");
    assert.equal(world.refreshes(), 3);
  });

  test("that is unknown is reported as such once the provider has answered so, and found once the provider has it", async () => {
    const kept = world.instance();
    await kept.refresh(startMs);
    assert.equal(await kept.findKey(foreign.kid, startMs + 1), "unknown");
    assert.equal(await kept.findKey("other", startMs + 2), "not_looked_up");
    world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(one, two)) };
    assert.equal(typeof (await kept.findKey(two.kid, startMs + 1 + 5 * minuteMs)), "object");
  });

  test("is not reported as unknown if the provider did not answer", async () => {
    const kept = world.instance();
    await kept.refresh(startMs);
    world.answers.jwks = unreachable;
    assert.equal(await kept.findKey(foreign.kid, startMs + 1), "not_looked_up");
  });

  test("cannot be found at all if no key is trusted, and that is a fault", async () => {
    world.answers.jwks = unreachable;
    const kept = world.instance();
    await assert.rejects(kept.findKey(one.kid, startMs), { code: "caller_keys_unavailable" });
    assert.equal(await kept.isReady(startMs), false);
    world.answers.jwks = answer(jwksOf(one));
    await kept.refresh(startMs + 1);
    assert.equal(await kept.isReady(startMs + 1), true);
  });

  test("is waited for by every request if no key is known yet, and by twenty if one is", async () => {
    for (const [isStarted, found] of [
      [false, 25],
      [true, 20],
    ] as const) {
      world = createKeptWorld();
      const kept = world.instance();
      world.answers.jwks = isStarted ? world.answers.jwks : unreachable;
      await kept.refresh(startMs);
      world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(one, two)) };
      const requests = Array.from({ length: 25 }, () => kept.findKey(two.kid, startMs + 1).catch(() => undefined));
      const keys = (await Promise.all(requests)).filter((key) => typeof key === "object");
      assert.equal(keys.length, found);
    }
  });

  test("from a refresh that was already running costs no look-up", async () => {
    const kept = world.instance();
    await kept.refresh(startMs);
    const answering = Promise.withResolvers<void>();
    world.answering = answering.promise;
    world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(one, two)) };
    void kept.refresh(startMs + 1);
    await settle();
    const found = kept.findKey(two.kid, startMs + 1);
    await settle();
    answering.resolve();
    assert.equal(typeof (await found), "object");
    assert.equal(world.refreshes(), 2);
  });
});

describe("the first use of a key", () => {
  const firstUseOf = (kid: string) => world.stored()?.keys.find((key) => key.kid === kid)?.firstUsedMs;
  beforeEach(() => {
    // Its signer is used by federation metadata too.
    world.answers.federation = unreachable;
  });

  test("is stored with the next refresh, and is not replaced later", async () => {
    const kept = world.instance();
    await kept.refresh(startMs);
    kept.noteUse(one.kid, startMs + 1);
    kept.noteUse(one.kid, startMs + 2);
    await kept.refresh(startMs + 3);
    assert.equal(firstUseOf(one.kid), startMs + 1);
    kept.noteUse(one.kid, startMs + 4);
    await kept.refresh(startMs + 5);
    assert.equal(firstUseOf(one.kid), startMs + 1);
  });

  test("is stored for that key alone, of several", async () => {
    const kept = world.instance();
    world.answers.jwks = answer(jwksOf(one, two));
    await kept.refresh(startMs);
    kept.noteUse(two.kid, startMs + 1);
    await kept.refresh(startMs + 2);
    assert.deepEqual([firstUseOf(one.kid), firstUseOf(two.kid)], [undefined, startMs + 1]);
  });

  test("is not lost if another instance has stored its record first", async () => {
    const [kept, other] = [world.instance(), world.instance()];
    await kept.refresh(startMs);
    kept.noteUse(one.kid, startMs + 1);
    const writing = Promise.withResolvers<void>();
    world.writing = writing.promise;
    const late = kept.refresh(startMs + 2);
    await settle();
    world.writing = Promise.resolve();
    await other.refresh(startMs + 3);
    writing.resolve();
    await late;
    assert.equal(firstUseOf(one.kid), undefined);
    await kept.refresh(startMs + 4);
    assert.equal(firstUseOf(one.kid), startMs + 1);
  });

  test("is recorded only for a known key", async () => {
    const kept = world.instance();
    kept.noteUse(one.kid, startMs);
    await kept.refresh(startMs + 1);
    kept.noteUse(two.kid, startMs + 2);
    await kept.refresh(startMs + 3);
    assert.equal(firstUseOf(one.kid), undefined);
  });
});
