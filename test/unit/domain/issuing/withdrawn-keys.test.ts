/** Cached tokens signed with a withdrawn key of Entra are useless to their callers. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { isOfWithdrawnKey, watchWithdrawals } from "../../../../src/domain/issuing/withdrawn-keys.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeSharedCache } from "../../../support/fakes/shared-tokens.ts";
import { accessToken, counts } from "../../../support/fixtures/issuing.ts";
import { createWorld, type World, type WorldOptions } from "../../../support/fixtures/world.ts";

const headerOf = (kid: unknown) => Buffer.from(JSON.stringify({ typ: "JWT", alg: "RS256", kid })).toString("base64url");

/** An Entra whose tokens name the key that signs them; `kid` may change. */
function worldWithKey(options?: WorldOptions): World & { kid: string } {
  const world = Object.assign(createWorld(options), { kid: "old" });
  const { requestToken } = world.tokenEndpoint;
  world.tokenEndpoint.requestToken = async (input) => {
    const answer = await requestToken.call(world.tokenEndpoint, input);
    if (!answer.issued) return answer;
    return { ...answer, accessToken: answer.accessToken.replace(/^[^.]*/, headerOf(world.kid)) };
  };
  return world;
}

/** Entra signs with a new key and withdraws the old one. */
function withdraw(world: World & { kid: string }): void {
  world.clock.advanceSeconds(60);
  world.kid = "new";
  world.withdrawn.set("old", world.clock.now());
}

const explanations = ({ events }: World) => events.filter(({ event }) => event === "signing_key_withdrawn");

describe("a cached token whose key was withdrawn", () => {
  let world: World & { kid: string };
  beforeEach(() => {
    world = worldWithKey();
  });

  test("is minted again when it is requested, with one signature for all requests", async () => {
    const before = await accessToken(world);
    withdraw(world);
    const tokens = await Promise.all(Array.from({ length: 100 }, () => accessToken(world)));
    const [after] = tokens;
    assert.notEqual(after, before);
    assert.deepEqual(new Set(tokens), new Set([after]));
    assert.equal(await accessToken(world), after);
    assert.equal(counts(world).signatures, 2);
  });

  test("is explained by one event with the number of such tokens", async () => {
    await accessToken(world);
    withdraw(world);
    for (let i = 0; i < 5; i++) {
      await accessToken(world);
      world.clock.advanceSeconds(5);
    }
    assert.deepEqual(explanations(world), [{ event: "signing_key_withdrawn", kids: ["old"], cachedTokens: 1 }]);
  });

  test("is minted again once: a key set that still names the new key costs no signature at each request", async () => {
    await accessToken(world);
    withdraw(world);
    world.kid = "old";
    for (let i = 0; i < 10; i++) await accessToken(world);
    assert.equal(counts(world).signatures, 2);
  });

  test("is served to its end if nothing can be minted (I3)", async () => {
    const before = await accessToken(world);
    withdraw(world);
    world.signer.failure = new Fault("signer_unavailable");
    assert.equal(await accessToken(world), before);
    world.signer.failure = undefined;
    world.clock.advanceSeconds(60);
    assert.notEqual(await accessToken(world), before);
  });

  test("is charged to the budget, and served if the budget is used up (I9)", async () => {
    world = worldWithKey({ limits: { perMinute: 1, perMinutePerCaller: 1 } });
    const before = await accessToken(world);
    world.kid = "new";
    world.withdrawn.set("old", startMs + 1);
    world.clock.advanceSeconds(2);
    assert.equal(await accessToken(world), before);
    assert.equal(counts(world).signatures, 1);
    world.clock.advanceSeconds(60);
    assert.notEqual(await accessToken(world), before);
  });

  test("is not accepted from another instance either", async () => {
    world.context.sharedTokens = createFakeSharedCache().of("test-instance");
    const before = await accessToken(world);
    withdraw(world);
    assert.notEqual(await accessToken(world), before);
  });
});

describe("a cached token is kept", () => {
  test("if another key was withdrawn, and no event says otherwise", async () => {
    const world = worldWithKey();
    const token = await accessToken(world);
    world.withdrawn.set("another", startMs + 1);
    world.clock.advanceSeconds(60);
    assert.equal(await accessToken(world), token);
    assert.deepEqual(explanations(world), []);
  });

  test("if it is not a readable JWT", () => {
    const withdrawn = new Map([["old", startMs + 1]]);
    const readable = `${headerOf("old")}.payload.signature`;
    assert.equal(isOfWithdrawnKey({ accessToken: readable, mintedAtMs: startMs }, withdrawn), true);
    const others = ["", "opaque", "a.b.c", `${headerOf(7)}.p.s`, `${headerOf(undefined)}.p.s`];
    for (const other of [...others, `${Buffer.from("null").toString("base64url")}.p.s`]) {
      assert.equal(isOfWithdrawnKey({ accessToken: other, mintedAtMs: startMs }, withdrawn), false, other);
    }
  });
});

test("if no key was withdrawn, in which case no token is read at all", () => {
  let reads = 0;
  const accessToken = { indexOf: () => ++reads, slice: () => `${++reads}` } as unknown as string;
  assert.equal(isOfWithdrawnKey({ accessToken, mintedAtMs: 0 }, new Map()), false);
  assert.equal(reads, 0);
});

test("a token minted in the millisecond of the withdrawal does not count as signed by the withdrawn key", () => {
  const accessToken = `${headerOf("old")}.payload.signature`;
  for (const [mintedAtMs, isOf] of [
    [startMs - 1, true],
    [startMs, false],
  ] as const) {
    assert.equal(isOfWithdrawnKey({ accessToken, mintedAtMs }, new Map([["old", startMs]])), isOf);
  }
});

describe("the withdrawn keys", () => {
  test("are read once a second, and at once after the clock was set back", () => {
    const looks: number[] = [];
    const watch = watchWithdrawals(
      (nowMs) => {
        looks.push(nowMs);
        return new Map();
      },
      { count: () => 0 },
      () => assert.fail("nothing to report"),
    );
    for (const nowMs of [0, 999, 1_000, 1, 0, -1]) watch(startMs + nowMs);
    assert.deepEqual(looks, [startMs, startMs + 1_000, startMs]);
  });

  test("are counted in the cache if one of them is new, and reported if they signed cached tokens", () => {
    let [withdrawn, cached, counted] = [new Map([["a", startMs]]), 0, 0];
    const events: unknown[] = [];
    const watch = watchWithdrawals(
      () => withdrawn,
      {
        count: (fits) => {
          counted++;
          const accessToken = `${headerOf("b")}.p.s`;
          return fits({ accessToken, mintedAtMs: 0, expiresAt: 0, refreshAt: 0 }) ? cached : 0;
        },
      },
      (event) => events.push(event),
    );
    cached = 3;
    assert.equal(watch(startMs), withdrawn);
    assert.deepEqual([counted, events], [1, []], "a has signed nothing here");
    watch(startMs + 1_000);
    assert.equal(counted, 1, "nothing is new");
    withdrawn = new Map([...withdrawn, ["b", startMs], ["c", startMs]]);
    assert.equal(watch(startMs + 2_000), withdrawn);
    assert.deepEqual(events, [{ event: "signing_key_withdrawn", kids: ["b", "c"], cachedTokens: 3 }]);
  });
});
