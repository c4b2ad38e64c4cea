/** Invariant I3 (SECURITY.md): a valid cached token is served during every outage. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { accessToken, counts } from "../../../support/fixtures/issuing.ts";
import { createWorld, thrownAt, validRequest, type World } from "../../../support/fixtures/world.ts";

describe("I3 a valid cached token is served whatever is down", () => {
  function breakAll(world: World): void {
    world.signer.failure = new Fault("signer_forbidden");
    world.tokenEndpoint.always = new Fault("token_endpoint_unavailable");
    world.ledger.isDown = true;
    world.policySource.failure = new Error("storage is down");
  }

  test("I3 it is served to its last second while vault, Entra, ledger and policy storage are down", async () => {
    const world = createWorld();
    const first = await accessToken(world);
    breakAll(world);
    for (let second = 0; second < 3599; second += 59) {
      assert.equal(await accessToken(world), first);
      await world.settled();
      world.clock.advanceSeconds(59);
    }
    world.clock.set(startMs + 3599_000);
    assert.equal(await accessToken(world), first);
    world.clock.advanceSeconds(1);
    await assert.rejects(accessToken(world), Fault);
  });

  test("I3 expires_in counts down and never promises more than Entra did", async () => {
    const world = createWorld();
    for (const [passed, left] of [
      [0, 3600],
      [600, 3000],
      [1200, 1800],
    ] as const) {
      world.clock.advanceSeconds(passed);
      const issued = await issueToken(validRequest(), world.context);
      assert.equal(issued.ok && issued.value.expiresInSeconds, left);
    }
    await world.settled();
  });

  for (const [random, least, most] of [
    [0, 0.75, 0.85],
    [0.5, 0.75, 0.85],
    [0.999, 0.75, 0.85],
  ] as const) {
    test(`I3 renewal in the background begins at 75 to 85 % of the lifetime (jitter ${random})`, async () => {
      const world = createWorld({ random: () => random });
      const first = await accessToken(world);
      world.clock.set(startMs + 3600_000 * least - 1000);
      assert.equal(await accessToken(world), first);
      await world.settled();
      assert.equal(counts(world).signatures, 1, "not before 75 %");
      world.clock.set(startMs + 3600_000 * most);
      assert.equal(await accessToken(world), first, "the request that starts it does not wait for it");
      await world.settled();
      assert.equal(counts(world).signatures, 2, "at 85 % at the latest");
      assert.notEqual(await accessToken(world), first);
    });
  }

  test("I3 jitter spreads the renewals of tokens that were minted together", async () => {
    const begins = new Set<number>();
    for (const random of [0, 0.25, 0.5, 0.75, 0.999]) {
      const world = createWorld({ random: () => random });
      await accessToken(world);
      let second = 0;
      for (; counts(world).signatures === 1; second += 20) {
        world.clock.set(startMs + second * 1000);
        await accessToken(world);
        await world.settled();
      }
      begins.add(second);
    }
    assert.equal(begins.size, 5);
  });

  test("I3 a failed renewal is tried again 30 s later, not at every request, and each failure is an event", async () => {
    const world = createWorld();
    await accessToken(world);
    world.tokenEndpoint.always = new Fault("token_endpoint_rejected", { codes: [50196] });
    world.clock.set(startMs + 3600_000 * 0.9);
    const failures = () => world.events.filter(({ event }) => event === "token_renewal_failed").length;
    for (const [passed, expected] of [
      [0, 1],
      [29, 1],
      [1, 2],
      [29, 2],
      [1, 3],
    ] as const) {
      world.clock.advanceSeconds(passed);
      await Promise.all(Array.from({ length: 10 }, () => accessToken(world)));
      await world.settled();
      assert.equal(failures(), expected);
    }
  });

  test("I3 a renewal that fails with an unexpected error is reported with stack frames, a fault with its codes", async () => {
    const world = createWorld();
    await accessToken(world);
    world.clock.set(startMs + 3600_000 * 0.9);
    for (const error of [new RangeError("s3cret"), new Fault("token_endpoint_rejected", { codes: [50196] })]) {
      world.tokenEndpoint.always = error;
      await accessToken(world);
      await world.settled();
      world.clock.advanceSeconds(90);
    }
    const failures = world.events.filter((event) => event.event === "token_renewal_failed");
    assert.deepEqual(
      failures.map(({ reason, codes, frames }) => ({ reason, codes, frames })),
      [
        { reason: "unexpected", codes: undefined, frames: [thrownAt] },
        { reason: "token_endpoint_rejected", codes: [50196], frames: undefined },
      ],
    );
    assert.doesNotMatch(JSON.stringify(world.events), /s3cret/);
  });

  test("I3 a token with less than two minutes left is replaced before it is used, if that succeeds", async () => {
    const world = createWorld();
    const first = await accessToken(world);
    world.clock.set(startMs + 3500_000);
    assert.notEqual(await accessToken(world), first);
    assert.deepEqual(counts(world), { signatures: 2, posts: 2, intents: 2 });
  });

  test("I3 a refusal by Entra or an empty budget does not remove a token that is still valid", async () => {
    for (const limits of [
      { perMinute: 1, perMinutePerCaller: 1 },
      { perMinute: 9, perMinutePerCaller: 9 },
    ]) {
      const world = createWorld({ limits });
      const first = await accessToken(world);
      world.tokenEndpoint.always = rejection([700016]);
      world.clock.set(startMs + 3590_000);
      assert.equal(await accessToken(world), first);
    }
  });
});
