/** Which of Entra's keys are no longer published although tokens signed with them may still be valid. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ok } from "../../../../src/domain/shared/result.ts";
import {
  createMetadataWorld,
  dayMs,
  homeTenantId,
  hourMs,
  type MetadataWorld,
} from "../../../support/fixtures/metadata-world.ts";

type Instance = ReturnType<MetadataWorld["instance"]>;

/** A world with one key, which this instance knows, and its name. */
async function begin(onDiscontinuity?: Parameters<MetadataWorld["instance"]>[0]) {
  const world = await createMetadataWorld();
  const instance = world.instance(onDiscontinuity);
  await instance.refreshAll();
  const [{ kid: old }] = world.entra.jwks(homeTenantId).keys as [{ kid: string }];
  world.wait(hourMs);
  return { world, instance, old };
}

async function withdrawnAfter(world: MetadataWorld, instance: Instance, waitMs: number): Promise<string[]> {
  world.wait(waitMs);
  await instance.refreshAll();
  return [...instance.withdrawnKeys(world.nowMs).keys()];
}

describe("a key that leaves the published set", () => {
  test("is withdrawn if its successor appeared at the same time, or less than a day before", async () => {
    for (const beforeMs of [0, hourMs, dayMs - hourMs]) {
      const { world, instance, old } = await begin();
      world.entra.activateKey(await world.entra.announceKey());
      if (beforeMs > 0) assert.deepEqual(await withdrawnAfter(world, instance, 0), []);
      world.wait(beforeMs);
      world.entra.retireKey(old);
      assert.deepEqual(await withdrawnAfter(world, instance, 0), [old]);
      assert.deepEqual([...instance.withdrawnKeys(world.nowMs).values()], [world.nowMs]);
    }
  });

  test("is withdrawn if all are replaced at once and the replacement is accepted", async () => {
    for (const onDiscontinuity of ["accept-and-alarm", "hold"] as const) {
      const { world, instance, old } = await begin(onDiscontinuity);
      await world.entra.replaceAllKeys();
      const expected = onDiscontinuity === "hold" ? [] : [old];
      assert.deepEqual(await withdrawnAfter(world, instance, 0), expected);
    }
  });

  test("is not withdrawn in a planned rollover", async () => {
    const { world, instance, old } = await begin();
    world.entra.activateKey(await world.entra.announceKey());
    assert.deepEqual(await withdrawnAfter(world, instance, 0), []);
    world.wait(dayMs);
    world.entra.retireKey(old);
    assert.deepEqual(await withdrawnAfter(world, instance, 0), []);
  });

  test("is not withdrawn by a discontinuous key set", async () => {
    const { world, instance } = await begin();
    const foreign = await createMetadataWorld();
    const forged = new TextEncoder().encode(JSON.stringify(foreign.entra.jwks(homeTenantId)));
    world.intercept = (document, genuine) => (document === "jwks" ? ok({ ...genuine, body: forged }) : undefined);
    assert.deepEqual(await withdrawnAfter(world, instance, 0), []);
  });

  test("is no longer withdrawn when it is published again, or when no token signed with it can be valid", async () => {
    const { world, instance, old } = await begin();
    const both = new TextEncoder().encode(JSON.stringify(world.entra.jwks(homeTenantId)));
    world.entra.activateKey(await world.entra.announceKey());
    world.entra.retireKey(old);
    assert.deepEqual(await withdrawnAfter(world, instance, 0), [old]);
    world.intercept = (document, genuine) => (document === "jwks" ? ok({ ...genuine, body: both }) : undefined);
    assert.ok(!(await withdrawnAfter(world, instance, hourMs)).includes(old));
    world.intercept = () => undefined;
    await withdrawnAfter(world, instance, hourMs);
    assert.deepEqual(await withdrawnAfter(world, instance, 28 * hourMs), []);
  });

  test("is known within a minute to an instance that has not asked Entra", async () => {
    const { world, instance, old } = await begin();
    const other = world.instance();
    const token = await world.token();
    assert.ok(await world.accepts(other, token));
    world.entra.activateKey(await world.entra.announceKey());
    world.entra.retireKey(old);
    assert.deepEqual(await withdrawnAfter(world, instance, 0), [old]);
    world.wait(60_000);
    const before = world.fetches.length;
    // Storage is read beside the first request.
    for (let request = 0; request < 2; request++) assert.ok(await world.accepts(other, token));
    assert.deepEqual([...other.withdrawnKeys(world.nowMs).keys()], [old]);
    assert.equal(world.fetches.length, before);
  });
});
