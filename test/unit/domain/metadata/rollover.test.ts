import assert from "node:assert/strict";
import { test } from "node:test";
import { forgeFederationMetadata } from "../../../../local/emulators/entra/forged-metadata.ts";
import { ok } from "../../../../src/domain/shared/result.ts";
import {
  createMetadataWorld,
  dayMs,
  eventsNamed,
  homeTenantId,
  hourMs,
  type MetadataWorld,
  unreachable,
} from "../../../support/fixtures/metadata-world.ts";

/** The timer's next run, and every caller in between is accepted. */
async function hours(world: MetadataWorld, instance: ReturnType<MetadataWorld["instance"]>, count: number) {
  for (let i = 0; i < count; i++) {
    world.wait(hourMs);
    await instance.refreshAll();
    assert.ok(await world.accepts(instance), `a valid token was refused ${i + 1} hours later`);
  }
}

test("over a planned rollover no valid token is refused, and a forged one is never accepted", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  const foreign = await createMetadataWorld();
  const forged = await foreign.token();
  const old = await world.token();
  assert.ok(await world.accepts(instance, old));

  const announced = await world.entra.announceKey();
  await hours(world, instance, 3 * 24);
  assert.equal(await world.accepts(instance, forged), false);

  world.entra.activateKey(announced);
  const fetchesBefore = world.fetches.length;
  assert.ok(await world.accepts(instance), "the first token by the new key");
  assert.equal(world.fetches.length, fetchesBefore, "the key was known before it was used");
  await hours(world, instance, 12);
  assert.equal(await world.accepts(instance, forged), false);

  const record = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
  const key = record.keys.find((k: { kid: string }) => k.kid === announced);
  assert.equal(Math.round((key.firstUsedMs - key.firstSeenMs) / dayMs), 3, "days from announcement to first use");
  assert.deepEqual(eventsNamed(world, "metadata_discontinuous"), []);
  assert.deepEqual(eventsNamed(world, "metadata_keys_replaced"), []);
});

test("a retired key is trusted for another day, and then no longer", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  const [{ kid: first }] = world.entra.jwks(homeTenantId).keys as [{ kid: string }];
  const byFirst = await world.token();
  assert.ok(await world.accepts(instance, byFirst));
  world.entra.activateKey(await world.entra.announceKey());
  world.entra.retireKey(first);
  world.wait(hourMs);
  await instance.refreshAll();
  assert.ok(await world.accepts(instance, byFirst), "an hour after it was withdrawn");
  const lastSeenMs = world.nowMs - hourMs;
  while (world.nowMs + hourMs - lastSeenMs < dayMs) {
    world.wait(hourMs);
    await instance.refreshAll();
  }
  world.wait(hourMs);
  await instance.refreshAll();
  assert.equal(await world.accepts(instance, byFirst), false, "a day after it was last seen");
  assert.ok(await world.accepts(instance));
});

test("in an emergency replacement the first token with the new key is accepted by the request that presents it", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  assert.ok(await world.accepts(instance));
  const before = await world.token();
  world.wait(10 * 60_000);
  await world.entra.replaceAllKeys();
  assert.ok(await world.accepts(instance), "the request waits for the refresh and benefits from it");
  assert.ok(await world.accepts(instance, before), "tokens of before still live");
  assert.equal(eventsNamed(world, "metadata_keys_replaced").length, 2);
  assert.ok(eventsNamed(world, "metadata_discontinuous").length > 0);
});

test("an accepted replacement is reported in every run for a day, even by an instance that has just started", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  await instance.refreshAll();
  world.wait(hourMs);
  await world.entra.replaceAllKeys();
  await instance.refreshAll();
  const names = ["metadata_discontinuous", "metadata_keys_replaced"] as const;
  const first = names.map((name) => eventsNamed(world, name).length);
  assert.ok(first.every((count) => count > 0));
  for (let hour = 1; hour < 24; hour++) {
    world.wait(hourMs);
    world.events.length = 0;
    await world.instance().refreshAll();
    assert.deepEqual(
      names.map((name) => eventsNamed(world, name).length),
      first,
      `${hour} hours later`,
    );
  }
  world.wait(hourMs);
  world.events.length = 0;
  await world.instance().refreshAll();
  assert.deepEqual(
    names.flatMap((name) => eventsNamed(world, name)),
    [],
  );
});

test("if the policy says hold, an emergency replacement is held back with an alarm, and the known keys stay", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance("hold");
  const before = await world.token();
  assert.ok(await world.accepts(instance, before));
  const stored = world.store.blobs.get(homeTenantId)?.text;
  world.wait(10 * 60_000);
  await world.entra.replaceAllKeys();
  assert.equal(await world.accepts(instance), false);
  assert.ok(await world.accepts(instance, before));
  const held = eventsNamed(world, "metadata_discontinuous");
  assert.ok(held.length >= 2 && held.every((event) => "action" in event && event.action === "held"));
  const { federation, jwks } = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
  const past = JSON.parse(stored ?? "{}");
  assert.deepEqual([federation.sha256, jwks.sha256], [past.federation.sha256, past.jwks.sha256]);
});

test("while no policy was read, a replacement of all keys is held, because no policy allows it yet", async () => {
  const world = await createMetadataWorld();
  assert.ok(await world.accepts(world.instance()));
  const instance = world.instance("no policy");
  await instance.refreshAll();
  world.wait(hourMs);
  await world.entra.replaceAllKeys();
  await instance.refreshAll();
  const held = eventsNamed(world, "metadata_discontinuous");
  assert.ok(held.length > 0 && held.every((event) => "action" in event && event.action === "held"));
  const source = { tenant: homeTenantId, onDiscontinuity: "accept-and-alarm" as const };
  instance.apply({ sources: new Map([[homeTenantId, source]]), publisher: undefined });
  await instance.refreshAll();
  assert.ok(await world.accepts(instance), "then the policy says so");
});

test("if the policy has no rule for the home tenant, a replacement is accepted with an alarm", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance("no policy");
  instance.apply({ sources: new Map(), publisher: undefined });
  assert.ok(await world.accepts(instance));
  world.wait(hourMs);
  await world.entra.replaceAllKeys();
  await instance.refreshAll();
  assert.ok(await world.accepts(instance));
});

test("if the policy says hold, a planned rollover passes, because federation metadata vouch for the new key", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance("hold");
  assert.ok(await world.accepts(instance));
  const announced = await world.entra.announceKey();
  await hours(world, instance, 2);
  world.entra.activateKey(announced);
  assert.ok(await world.accepts(instance));
  assert.deepEqual(eventsNamed(world, "metadata_discontinuous"), []);
});

test("an attacker's perfect documents change nothing if the policy says hold, after any number of good polls", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance("hold");
  assert.ok(await world.accepts(instance));
  await hours(world, instance, 5);
  const forgery = await forgeFederationMetadata({ tenantId: homeTenantId });
  const encode = (text: string) => new TextEncoder().encode(text);
  world.intercept = (document, genuine) => {
    if (document === "federation") return ok({ ...genuine, body: encode(forgery.document) });
    return document === "jwks" ? ok({ ...genuine, body: encode(JSON.stringify(forgery.jwks)) }) : undefined;
  };
  const before = world.store.blobs.get(homeTenantId)?.text ?? "";
  await hours(world, instance, 5);
  const stored = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
  assert.equal(stored.jwks.sha256, JSON.parse(before).jwks.sha256);
  assert.equal(stored.federation.sha256, JSON.parse(before).federation.sha256);
  assert.equal(eventsNamed(world, "metadata_discontinuous").length, 10);
});

test("an attacker's key added beside the genuine ones is held, because no known key vouches for it", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance("hold");
  assert.ok(await world.accepts(instance));
  const forgery = await forgeFederationMetadata({ tenantId: homeTenantId });
  world.intercept = (document, genuine) => {
    if (document !== "jwks") return undefined;
    const keys = [...world.entra.jwks(homeTenantId).keys, ...forgery.jwks.keys];
    return ok({ ...genuine, body: new TextEncoder().encode(JSON.stringify({ keys })) });
  };
  world.wait(hourMs);
  await instance.refreshAll();
  const { jwks } = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
  assert.equal(jwks.keys.length, 1);
  assert.ok(await world.accepts(instance));
});

test("unknown keys make an instance ask at most once in five minutes, for any number of senders", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  assert.ok(await world.accepts(instance));
  const foreign = await createMetadataWorld();
  world.wait(hourMs);
  const before = world.fetches.length;
  for (let i = 0; i < 50; i++) {
    await foreign.entra.replaceAllKeys();
    assert.equal(await world.accepts(instance, await foreign.token()), false);
    world.wait(5_000);
  }
  assert.equal(world.fetches.length - before, 3, "three documents, once");
  world.wait(5 * 60_000);
  await world.accepts(instance, await foreign.token());
  assert.equal(world.fetches.length - before, 6);
});

test("twenty concurrent requests with one unknown key wait for one refresh, and the others succeed a moment later", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  assert.ok(await world.accepts(instance));
  world.wait(hourMs);
  await world.entra.replaceAllKeys();
  const token = await world.token();
  const before = world.fetches.length;
  const requests = () => Promise.all(Array.from({ length: 50 }, () => world.accepts(instance, token)));
  assert.equal((await requests()).filter(Boolean).length, 20);
  assert.equal((await requests()).filter(Boolean).length, 50);
  assert.equal(world.fetches.length - before, 3);
});

test("a key is reported as unknown only if the provider was asked for it and its answer was accepted", async () => {
  const world = await createMetadataWorld();
  const { home } = world.instance("hold");
  const { kid } = (await forgeFederationMetadata({ tenantId: homeTenantId })).jwks.keys[0] as { kid: string };
  assert.equal(await home.findKey(kid, world.nowMs), "unknown");
  assert.equal(await home.findKey("other", world.nowMs + 1_000), "not_looked_up");
  world.intercept = unreachable;
  assert.equal(await home.findKey(kid, world.nowMs + hourMs), "not_looked_up", "nobody answered");
  world.intercept = () => undefined;
  await world.entra.replaceAllKeys();
  assert.equal(await home.findKey(kid, world.nowMs + 2 * hourMs), "not_looked_up", "the answer was held back");
});

test("a new instance starts from storage with the network down, and from the network with storage down", async () => {
  const world = await createMetadataWorld();
  assert.ok(await world.accepts(world.instance()));
  world.intercept = unreachable;
  assert.ok(await world.accepts(world.instance()), "from storage");
  world.intercept = () => undefined;
  world.store.isDown = true;
  assert.ok(await world.accepts(world.instance()), "from the network");
  assert.ok(eventsNamed(world, "metadata_store_unavailable").length > 0);
});

test("keys that were not confirmed for a day are not trusted, because an attacker may hide their withdrawal", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  assert.ok(await world.accepts(instance));
  world.intercept = unreachable;
  for (let hour = 1; hour < 24; hour++) {
    world.wait(hourMs);
    await instance.refreshAll();
    assert.ok(await world.accepts(instance), `after ${hour} hours`);
  }
  world.wait(hourMs);
  await assert.rejects(world.accepts(instance), { code: "caller_keys_unavailable" });
  assert.equal(eventsNamed(world, "metadata_stale").length, 18, "from the sixth hour on, every hour");
});

test("two instances that refresh at once leave one complete record of one of them", async () => {
  const world = await createMetadataWorld();
  const [one, two] = [world.instance(), world.instance()];
  await Promise.all([one.refreshAll(), two.refreshAll()]);
  await world.entra.announceKey();
  world.wait(hourMs);
  await Promise.all([one.refreshAll(), two.refreshAll()]);
  const { jwks, federation, keys } = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
  const kidsOf = (record: { keys: { kid: string }[] }) => record.keys.map(({ kid }) => kid).sort();
  assert.equal(jwks.keys.length, 2);
  assert.deepEqual(kidsOf(federation), kidsOf(jwks));
  assert.equal(keys.length, 2);
});

test("an instance that never runs the timer learns from storage what another one has fetched", async () => {
  const world = await createMetadataWorld();
  const [one, two] = [world.instance(), world.instance()];
  assert.ok((await world.accepts(one)) && (await world.accepts(two)));
  const announced = await world.entra.announceKey();
  world.wait(hourMs);
  await one.refreshAll();
  world.wait(61_000);
  await two.home.view(world.nowMs);
  await two.home.view(world.nowMs);
  const before = world.fetches.length;
  world.entra.activateKey(announced);
  assert.ok(await world.accepts(two));
  assert.equal(world.fetches.length, before);
});

test("concurrent first requests do not use up the look-up of an unknown key: a key rolled without notice is found", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  const token = await world.token();
  const first = await Promise.all(Array.from({ length: 5 }, () => world.accepts(instance, token)));
  assert.deepEqual(new Set(first), new Set([true]));
  world.wait(60_000);
  await world.entra.replaceAllKeys();
  assert.ok(await world.accepts(instance));
});

test("an unknown key is looked up again after 30 s if the provider did not answer, and after 5 min if it did", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  assert.ok(await world.accepts(instance));
  world.wait(60_000);
  await world.entra.replaceAllKeys();
  world.intercept = unreachable;
  assert.ok(!(await world.accepts(instance)));
  world.intercept = () => undefined;
  world.wait(29_000);
  assert.ok(!(await world.accepts(instance)));
  world.wait(1_000);
  assert.ok(await world.accepts(instance));
  await world.entra.replaceAllKeys();
  world.wait(299_000);
  assert.ok(!(await world.accepts(instance)));
  world.wait(1_000);
  assert.ok(await world.accepts(instance));
});

test("a request during the first fetch of the keys waits for them, and so does a readiness probe", async () => {
  const world = await createMetadataWorld();
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const { get } = world.transport;
  world.transport = {
    async get(...request) {
      asked.resolve();
      await answered.promise;
      return get(...request);
    },
  };
  const { home } = world.instance();
  const first = home.isReady(world.nowMs);
  await asked.promise;
  const second = home.isReady(world.nowMs);
  await new Promise(setImmediate);
  answered.resolve();
  assert.deepEqual(await Promise.all([first, second]), [true, true]);
});
