/** The timer that runs twice a minute: it does nothing unless a source must be published or a refresh was requested. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import type { IdpRecord, LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import type { RefreshRequest } from "../../../../src/domain/metadata/refresh-requests.ts";
import { ok } from "../../../../src/domain/shared/result.ts";
import { newer, older } from "../../../support/fixtures/credentials.ts";
import {
  createMetadataWorld,
  type DocumentName,
  dayMs,
  eventsNamed,
  homeTenantId,
  type MetadataWorld,
  unreachable,
} from "../../../support/fixtures/metadata-world.ts";

const halfMinuteMs = 30_000;

/** A publisher that stamps instead of signing; `fails` makes it throw. */
async function publishingWorld() {
  const world = await createMetadataWorld();
  const signed = { count: 0, fails: false };
  const entityId = `https://sts.windows.net/${homeTenantId}/`;
  world.verifyIdpDocument = async (stamp) =>
    ok({ entityId, validUntilMs: Number(Buffer.from(stamp).toString()), certificates: [] });
  world.derive = async (known, _source, publisher, nowMs) => {
    if (!known.federation) return known;
    const validUntilMs = nowMs + 7 * dayMs;
    const stamp = Buffer.from(`${validUntilMs}`);
    const idp: IdpRecord = {
      ...{ body: stamp.toString("base64"), sha256: createHash("sha256").update(stamp).digest("hex") },
      ...{ madeFromSha256: known.federation.sha256, publisherX5tS256: publisher?.x5tS256 ?? "", validUntilMs },
    };
    const { madeFromSha256, publisherX5tS256 } = known.idp ?? {};
    if (madeFromSha256 === idp.madeFromSha256 && publisherX5tS256 === idp.publisherX5tS256) return known;
    signed.count += 1;
    if (signed.fails) throw new Error("the vault refuses");
    return { ...known, idp };
  };
  return Object.assign(world, { signed });
}

const request = (id: string, source: string = homeTenantId): RefreshRequest => ({
  ...{ source, id, by: "anna@example.com", at: "2026-06-01T00:00:00Z" },
});
const record = (world: MetadataWorld): LastKnownGood | undefined => {
  const text = world.store.blobs.get(homeTenantId)?.text;
  return text === undefined ? undefined : (JSON.parse(text) as LastKnownGood);
};

describe("a source whose idp.xml is missing", () => {
  test("is fetched and published by the first run, and costs nothing from then on", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance();
    await instance.refreshDue([]);
    assert.ok(record(world)?.idp);
    const before = { fetches: world.fetches.length, writes: world.store.writes };
    for (let i = 0; i < 20; i++) {
      world.wait(halfMinuteMs);
      await instance.refreshDue([]);
    }
    assert.deepEqual({ fetches: world.fetches.length, writes: world.store.writes }, before);
    assert.equal(world.signed.count, 1);
  });

  test("is skipped if another instance has published it", async () => {
    const world = await publishingWorld();
    await world.publishingInstance().refreshDue([]);
    const before = world.fetches.length;
    await world.publishingInstance().refreshDue([]);
    assert.deepEqual([world.fetches.length, world.signed.count], [before, 1]);
  });

  test("created by the publisher's former certificate is created again by the next run, once", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance();
    await instance.refreshDue([]);
    const before = record(world)?.idp?.publisherX5tS256;
    instance.apply({ sources: new Map(), publisher: { active: newer, certificates: [older, newer] } });
    world.wait(halfMinuteMs);
    await instance.refreshDue([]);
    assert.notEqual(before, newer.x5tS256);
    assert.equal(record(world)?.idp?.publisherX5tS256, newer.x5tS256);
    await instance.refreshDue([]);
    assert.equal(world.signed.count, 2);
  });

  test("is not fetched if the policy has no publisher", async () => {
    const world = await publishingWorld();
    await world.instance().refreshDue([]);
    assert.deepEqual(world.fetches, []);
  });

  test("is retried less and less often while it is unavailable, finally once an hour", async () => {
    const world = await publishingWorld();
    world.intercept = unreachable;
    const instance = world.publishingInstance();
    const runs = [];
    for (let i = 0; i < (4 * 3_600_000) / halfMinuteMs; i++) {
      const before = world.fetches.length;
      await instance.refreshDue([]);
      if (world.fetches.length > before) runs.push(i);
      world.wait(halfMinuteMs);
    }
    // In half minutes: 1, 2, 4, ... 64 apart, then the hour of 120.
    assert.deepEqual(runs, [0, 1, 3, 7, 15, 31, 63, 127, 247, 367]);
    world.intercept = () => undefined;
    world.wait(3_600_000);
    await instance.refreshDue([]);
    assert.ok(record(world)?.idp);
  });

  test("whose signature fails leaves no more intents than these", async () => {
    const world = await publishingWorld();
    world.signed.fails = true;
    const instance = world.publishingInstance();
    for (let i = 0; i < 120; i++) {
      await instance.refreshDue([]);
      world.wait(halfMinuteMs);
    }
    assert.equal(world.signed.count, 7, "within an hour");
    assert.equal(eventsNamed(world, "metadata_not_republished").length, 7);
  });

  test("begins again with half a minute after a success between two series of failures", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance();
    world.intercept = unreachable;
    for (const waitMs of [0, halfMinuteMs]) {
      world.wait(waitMs);
      await instance.refreshDue([]);
    }
    world.intercept = () => undefined;
    world.wait(2 * halfMinuteMs);
    await instance.refreshDue([]);
    assert.ok(record(world)?.idp);
    instance.apply({ sources: new Map(), publisher: { active: newer, certificates: [older, newer] } });
    world.signed.fails = true;
    await instance.refreshDue([]);
    assert.equal(world.signed.count, 2, "what is due again is not delayed");
    world.wait(halfMinuteMs);
    await instance.refreshDue([]);
    assert.equal(world.signed.count, 3);
  });

  test("counts in the readiness probe once storage was read, until another instance has published it", async () => {
    const world = await publishingWorld();
    const probed = world.publishingInstance();
    assert.equal(probed.unpublished(world.nowMs), 0, "nobody knows yet");
    await probed.home.stored(world.nowMs);
    assert.equal(probed.unpublished(world.nowMs), 1);
    await world.publishingInstance().refreshDue([]);
    world.wait(61_000);
    probed.unpublished(world.nowMs);
    await probed.home.stored(world.nowMs);
    assert.equal(probed.unpublished(world.nowMs), 0);
    world.wait(7 * dayMs - 61_001);
    assert.equal(probed.unpublished(world.nowMs), 0);
    world.wait(1);
    assert.equal(probed.unpublished(world.nowMs), 1, "what is not valid any more is not published");
  });
});

describe("a request of an operator", () => {
  const outcomes = (world: MetadataWorld) => record(world)?.refreshed;

  test("is executed by the next run, once, and the record has the result", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance();
    await instance.refreshDue([]);
    await world.entra.announceKey();
    world.wait(halfMinuteMs);
    for (let i = 0; i < 3; i++) await instance.refreshDue([request("one")]);
    assert.equal(world.fetches.length, 6);
    const documents = { federation: "changed", discovery: "unchanged", jwks: "changed" };
    assert.deepEqual(outcomes(world), { atMs: world.nowMs, ...documents, requestId: "one" });
    assert.equal(world.signed.count, 2, "the new keys are published");
    await instance.refreshDue([request("two")]);
    assert.deepEqual([outcomes(world)?.requestId, outcomes(world)?.jwks], ["two", "unchanged"]);
  });

  test("that another instance has completed at this moment is not executed again", async () => {
    const world = await publishingWorld();
    const [instance, other] = [world.publishingInstance(), world.publishingInstance()];
    for (const each of [instance, other]) await each.refreshDue([]);
    await other.refreshDue([request("one")]);
    const before = world.fetches.length;
    await instance.refreshDue([request("one")]);
    assert.equal(world.fetches.length, before);
  });

  test("stays completed after the hourly refresh, and for an instance that starts later", async () => {
    const world = await publishingWorld();
    await world.publishingInstance().refreshDue([request("one")]);
    const later = world.publishingInstance();
    await later.refreshAll();
    const before = world.fetches.length;
    await later.refreshDue([request("one")]);
    assert.equal(world.fetches.length, before);
    assert.equal(outcomes(world)?.requestId, "one");
  });

  test("is completed even if Entra cannot be reached, and the record says so", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance();
    await instance.refreshDue([]);
    world.intercept = unreachable;
    await instance.refreshDue([request("one")]);
    assert.deepEqual([outcomes(world)?.requestId, outcomes(world)?.jwks], ["one", "not_reachable"]);
  });

  test("is completed even if the new keys are held, or a document is refused", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance("hold");
    await instance.refreshDue([]);
    await world.entra.replaceAllKeys();
    await instance.refreshDue([request("one")]);
    assert.deepEqual([outcomes(world)?.federation, outcomes(world)?.jwks], ["held", "held"]);
    world.intercept = (document: DocumentName, genuine) =>
      document === "jwks" ? ok({ ...genuine, body: new Uint8Array() }) : undefined;
    await instance.refreshDue([request("two")]);
    assert.equal(outcomes(world)?.jwks, "jwks_not_readable");
  });

  test("for an unknown source requests nothing", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance();
    await instance.refreshDue([]);
    const before = world.fetches.length;
    await instance.refreshDue([request("one", "40000000-0000-4000-8000-0000000000ff")]);
    assert.equal(world.fetches.length, before);
  });

  test("is not completed by a refresh that began before it", async () => {
    const world = await publishingWorld();
    const instance = world.publishingInstance();
    await instance.refreshDue([]);
    const gate = Promise.withResolvers<void>();
    const { get } = world.transport;
    let isHeld = true;
    world.transport = {
      async get(url, etag) {
        const answer = await get(url, etag);
        if (isHeld) await gate.promise;
        return answer;
      },
    };
    const early = instance.refreshAll();
    while (world.fetches.length < 6) await new Promise((resolve) => setImmediate(resolve));
    await world.entra.announceKey();
    const late = instance.refreshDue([request("one")]);
    isHeld = false;
    gate.resolve();
    await Promise.all([early, late]);
    assert.equal(record(world)?.jwks?.keys.length, 2);
  });
});
