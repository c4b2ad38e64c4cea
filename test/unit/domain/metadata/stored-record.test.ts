/** Records that an earlier version has stored, after the upgrade. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import type { LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import {
  createMetadataWorld,
  eventsNamed,
  homeTenantId,
  hourMs,
  type MetadataWorld,
  unreachable,
} from "../../../support/fixtures/metadata-world.ts";

const attacker = await generateSigningKey();

const stored = (world: MetadataWorld): LastKnownGood =>
  JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "null") as LastKnownGood;

/** What version 0.1.0 would have stored: no certificates beside the keys, and the ETags of the documents. */
function asVersion1({ federation, discovery, jwks, keys }: LastKnownGood) {
  const etag = '"1"';
  const numbers = ({ kid, n, e }: { kid: string; n: string; e: string }) => ({ kid, n, e });
  const named = (list: readonly { kid: string }[] = []) => list.map(({ kid }) => kid);
  return {
    version: 1,
    federation: { ...federation, etag, keys: undefined, former: undefined, kids: named(federation?.keys) },
    discovery: { ...discovery, etag },
    jwks: { ...jwks, etag, kids: named(jwks?.keys), keys: jwks?.keys.map(numbers) },
    keys: keys.map(({ certificate, ...key }) => key),
  };
}

/** A world in which an earlier version has run for some hours, with a withdrawn key. */
async function upgraded(change: (record: ReturnType<typeof asVersion1>) => object = (record) => record) {
  const world = await createMetadataWorld();
  const earlier = world.instance("hold");
  const old = await world.token();
  assert.ok(await world.accepts(earlier, old));
  const next = await world.entra.announceKey();
  world.wait(hourMs);
  await earlier.refreshAll();
  world.entra.activateKey(next);
  const record = change(asVersion1(stored(world)));
  world.store.blobs.set(homeTenantId, { text: JSON.stringify(record), etag: '"version 1"' });
  world.fetches.length = 0;
  return { world, old, next };
}

test("keys of version 1 verify callers at once if Entra cannot be reached: an upgrade causes no outage", async () => {
  const { world, old } = await upgraded();
  world.intercept = unreachable;
  const instance = world.instance("hold");
  assert.ok(await world.accepts(instance));
  assert.ok(await world.accepts(instance, old));
  assert.deepEqual(eventsNamed(world, "metadata_record_refused"), []);
});

test("a record of version 1 is fetched again without ETags and stored as version 2, with its history", async () => {
  const { world } = await upgraded();
  const history = stored(world).keys.map(({ kid, firstSeenMs }) => ({ kid, firstSeenMs }));
  const etags: (string | undefined)[] = [];
  const { get } = world.transport;
  world.transport = {
    get(url, etag) {
      etags.push(etag);
      return get(url, etag);
    },
  };
  const instance = world.instance("hold");
  assert.ok(await world.accepts(instance));
  await instance.home.refresh(world.nowMs);
  assert.deepEqual(new Set(etags), new Set([undefined]));
  const record = stored(world);
  assert.equal(record.version, 2);
  assert.ok(record.keys.every(({ certificate }) => certificate.startsWith("MII")));
  assert.deepEqual(
    record.keys.map(({ kid, firstSeenMs }) => ({ kid, firstSeenMs })),
    history,
  );
  assert.deepEqual(eventsNamed(world, "metadata_discontinuous"), []);
});

test("a request that finds a record of version 1 starts a fetch, and does not wait for it", async () => {
  const { world } = await upgraded();
  const instance = world.instance("hold");
  assert.ok(await world.accepts(instance));
  for (let i = 0; i < 50 && Number(stored(world).version) === 1; i++) await turn();
  assert.equal(stored(world).version, 2);
});

test("a forged key that version 1 stored under a genuine name is not used after the upgrade", async () => {
  const { world, next } = await upgraded((record) => {
    const forge = (key: { kid: string; n: string; e: string }) =>
      key.kid === record.keys[1]?.kid ? { ...key, n: attacker.n } : key;
    const set = JSON.parse(Buffer.from(record.jwks.body ?? "", "base64").toString("utf8"));
    const body = {
      keys: set.keys.map(({ x5c, ...key }: { x5c: string; kid: string; n: string; e: string }) => forge(key)),
    };
    const jwks = { ...record.jwks, body: Buffer.from(JSON.stringify(body)).toString("base64") };
    return { ...record, keys: record.keys.map(forge), jwks };
  });
  const instance = world.instance("hold");
  const { keys = [] } = (await instance.home.view(world.nowMs)) ?? {};
  assert.ok(keys.every(({ n }) => n !== attacker.n));
  await instance.refreshAll();
  assert.ok(await world.accepts(instance), "the genuine key of this name");
  assert.ok(stored(world).keys.some(({ kid }) => kid === next));
});

test("a key of version 1 without a certificate is forgotten", async () => {
  const { world } = await upgraded((record) => ({
    ...record,
    keys: [...record.keys, { ...record.keys[0], kid: attacker.kid, n: attacker.n }],
  }));
  const instance = world.instance("hold");
  const { keys = [] } = (await instance.home.view(world.nowMs)) ?? {};
  assert.equal(keys.length, 2);
});
