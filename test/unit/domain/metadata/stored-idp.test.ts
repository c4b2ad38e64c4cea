/** An attacker with write access to storage replaces `idp.xml`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import { verifyFederationMetadata } from "../../../../src/adapters/xml/on-first-use.ts";
import { signXml } from "../../../../src/adapters/xml/publisher.ts";
import type { IdpRecord, LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import type { MetadataKeeper } from "../../../../src/domain/metadata/metadata-keeper.ts";
import { createIdpPublisher } from "../../../../src/domain/metadata/publish-idp.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { createFakeLedger } from "../../../support/fakes/ledger.ts";
import { createFakeSigner } from "../../../support/fakes/signer.ts";
import { foreign, registered } from "../../../support/fixtures/certificates.ts";
import { newer, older } from "../../../support/fixtures/credentials.ts";
import { type IdpContent, idpDocument, storedBody } from "../../../support/fixtures/idp-document.ts";
import {
  createMetadataWorld,
  dayMs,
  eventsNamed,
  homeTenantId,
  hourMs,
  type MetadataWorld,
} from "../../../support/fixtures/metadata-world.ts";

const attacker = await generateSigningKey();
const anotherApplication = await generateSigningKey();
const entityId = `https://sts.windows.net/${homeTenantId}/`;

/** A world whose publisher signs as the app does: with `older`, or after a rotation with `newer`. */
async function publishingWorld() {
  const world = await createMetadataWorld();
  const signer = createFakeSigner();
  signer.keyOf = (keyId) => (keyId === newer.keyId ? foreign : registered).privateKey;
  world.derive = createIdpPublisher({
    ...{ verifyFederationMetadata, signXml, signer, ledger: createFakeLedger(), instance: "test" },
    newLedgerId: createLedgerId,
    ...{ clock: () => world.nowMs, random: () => 0, sleep: async () => undefined },
    startDeadline: (withinMs) => ({ atMs: world.nowMs + withinMs, signal: new AbortController().signal }),
  });
  const first = world.publishingInstance("accept-and-alarm", older);
  await first.refreshAll();
  return Object.assign(world, { first, signatures: () => signer.calls.length });
}

const stored = (world: MetadataWorld) =>
  JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "null") as LastKnownGood & { idp: IdpRecord };
/** What a relying party gets. */
async function served(world: MetadataWorld, instance: MetadataKeeper): Promise<string | undefined> {
  const known = await instance.home.readable(world.nowMs);
  return known?.idp && Buffer.from(known.idp.body, "base64").toString("utf8");
}
const rulesOf = (world: MetadataWorld) =>
  eventsNamed(world, "metadata_record_refused").map((event) => "rule" in event && event.rule);
function put(world: MetadataWorld, change: (record: LastKnownGood & { idp: IdpRecord }) => object): void {
  world.store.blobs.set(homeTenantId, { text: JSON.stringify(change(stored(world))), etag: '"the attacker\'s"' });
}

/** The genuine record with this document in its place. */
const withDocument = (record: IdpRecord, text: string): IdpRecord => ({ ...record, ...storedBody(text) });
const textOf = ({ body }: IdpRecord) => Buffer.from(body, "base64").toString("utf8");

/** A document in the form of ours, valid as long as the genuine one: the publisher's where nothing else is said. */
const documentOf = ({ validUntilMs }: IdpRecord, differing: Partial<IdpContent>): Promise<string> =>
  idpDocument({
    ...{ entityId, validUntilMs, certificates: [], signingKey: registered.privateKey, named: older.der },
    ...differing,
  });

test("an instance that reads idp.xml from storage serves it, and verifies it once", async () => {
  const world = await publishingWorld();
  const instance = world.publishingInstance("accept-and-alarm", older);
  let verifications = 0;
  const { verifyIdpDocument } = world;
  world.verifyIdpDocument = (...document) => {
    verifications += 1;
    return verifyIdpDocument(...document);
  };
  for (let i = 0; i < 3; i++) assert.equal(await served(world, instance), textOf(stored(world).idp));
  assert.deepEqual([rulesOf(world), verifications], [[], 1]);
});

const notThePublishers = "idp.xml is not one of the publisher's";
type Attack = (idp: IdpRecord, record: LastKnownGood) => Promise<IdpRecord> | IdpRecord;
const attacks: Record<string, Attack> = {
  "an attacker's document, signed with a key of the attacker's": async (idp) => {
    const own = { signingKey: attacker.privateKey, named: attacker.certificate, certificates: [attacker.certificate] };
    return withDocument(idp, await documentOf(idp, own));
  },
  "the same with the publisher's certificate in its signature": async (idp) =>
    withDocument(idp, await documentOf(idp, { signingKey: attacker.privateKey, certificates: [attacker.certificate] })),
  "our document with the attacker's certificate in its signature": (idp) =>
    withDocument(idp, textOf(idp).replace(older.der, attacker.certificate)),
  "our document with one of its keys replaced": (idp, { keys }) =>
    withDocument(idp, textOf(idp).replace(keys[0]?.certificate ?? "", attacker.certificate)),
  "an attacker's document without a signature": async (idp) => {
    const signed = await documentOf(idp, { certificates: [attacker.certificate] });
    return withDocument(idp, signed.replace(/<Signature .*<\/Signature>/s, ""));
  },
  "our document wrapped in an attacker's": async (idp) => {
    const evil = await documentOf(idp, { certificates: [attacker.certificate] });
    const around = evil.replace(/<Signature .*<\/Signature>/s, `<Extensions>${textOf(idp)}</Extensions>`);
    return withDocument(idp, around);
  },
  "no XML": (idp) => withDocument(idp, "Service Unavailable"),
  "another tenant's, which the publisher has signed": async (idp, { keys }) => {
    const anotherEntityId = "https://sts.windows.net/40000000-0000-4000-8000-000000000009/";
    return withDocument(
      idp,
      await documentOf(idp, { entityId: anotherEntityId, certificates: keys.map((key) => key.certificate) }),
    );
  },
  "that of another application of the tenant, which the publisher has signed": async (idp) =>
    withDocument(idp, await documentOf(idp, { certificates: [anotherApplication.certificate] })),
  "our own document with a longer life beside it": (idp) => ({ ...idp, validUntilMs: idp.validUntilMs + dayMs }),
};

for (const [name, attack] of Object.entries(attacks)) {
  test(`${name}: refused with an alarm, and created again by the next refresh`, async () => {
    const world = await publishingWorld();
    const genuine = stored(world);
    const forged = await attack(genuine.idp, genuine);
    assert.notDeepEqual(forged, genuine.idp);
    put(world, (record) => ({ ...record, idp: forged }));
    const instance = world.publishingInstance("accept-and-alarm", older);
    assert.equal(await served(world, instance), undefined);
    assert.deepEqual(rulesOf(world), [notThePublishers]);
    assert.ok(await world.accepts(instance), "the keys beside it are good");
    await instance.refreshAll();
    const text = await served(world, instance);
    assert.ok(text?.includes(older.der));
    assert.equal(textOf(stored(world).idp), text);
    assert.deepEqual(rulesOf(world), [notThePublishers]);
  });
}

test("an instance that has served the genuine document does not serve a replaced one", async () => {
  const world = await publishingWorld();
  const before = await served(world, world.first);
  assert.ok(before);
  const forged = await attacks["an attacker's document, signed with a key of the attacker's"]?.(
    stored(world).idp,
    stored(world),
  );
  put(world, (record) => ({ ...record, idp: forged }));
  world.wait(61_000);
  await served(world, world.first);
  await world.first.home.stored(world.nowMs);
  assert.equal(await served(world, world.first), undefined);
  assert.deepEqual(rulesOf(world), [notThePublishers]);
});

test("the timer that runs twice a minute notices it within five minutes, and creates the document again", async () => {
  const world = await publishingWorld();
  const genuine = stored(world);
  put(world, (record) => ({ ...record, idp: withDocument(record.idp, "Service Unavailable") }));
  for (let i = 0; i < 10; i++) {
    world.wait(30_000);
    await world.first.refreshDue([]);
  }
  assert.deepEqual(rulesOf(world), [notThePublishers]);
  assert.equal(textOf(stored(world).idp), await served(world, world.first));
  assert.notEqual(stored(world).idp.body, genuine.idp.body);
  const before = world.signatures();
  for (let i = 0; i < 20; i++) {
    world.wait(30_000);
    await world.first.refreshDue([]);
  }
  assert.equal(world.signatures(), before, "what is good is left alone");
});

test("a document with the hash of a genuine one is not treated as verified: the whole record is refused", async () => {
  const world = await publishingWorld();
  const before = await served(world, world.first);
  const text = await documentOf(stored(world).idp, { certificates: [attacker.certificate] });
  put(world, (record) => ({
    ...record,
    idp: { ...record.idp, body: Buffer.from(text).toString("base64") },
  }));
  await world.first.home.stored(world.nowMs);
  assert.equal(await served(world, world.first), before, "what was known stays");
  assert.deepEqual(rulesOf(world), ["a document is not the one of its hash"]);
});

test("the document of a certificate that the policy no longer lists is not served, that of a retiring one is", async () => {
  const world = await publishingWorld();
  const instance = world.publishingInstance("accept-and-alarm", older);
  const before = await served(world, instance);
  const sources = new Map();
  instance.apply({ sources, publisher: { active: newer, certificates: [older, newer] } });
  assert.equal(await served(world, instance), before);
  instance.apply({ sources, publisher: { active: newer, certificates: [newer] } });
  assert.equal(await served(world, instance), undefined);
  assert.deepEqual(rulesOf(world), [notThePublishers]);
});

test("a document of a certificate that was added to the policy meanwhile is served as soon as the policy is read", async () => {
  const world = await publishingWorld();
  const behind = world.publishingInstance("accept-and-alarm", newer);
  assert.equal(await served(world, behind), undefined);
  behind.apply({ sources: new Map(), publisher: { active: older, certificates: [older] } });
  assert.equal(await served(world, behind), textOf(stored(world).idp));
});

test("many concurrent requests verify it once, and raise one alarm", async () => {
  const world = await publishingWorld();
  put(world, (record) => ({ ...record, idp: withDocument(record.idp, "Service Unavailable") }));
  const instance = world.publishingInstance("accept-and-alarm", older);
  await Promise.all(Array.from({ length: 20 }, () => served(world, instance)));
  assert.equal(await served(world, instance), undefined);
  assert.deepEqual(rulesOf(world), [notThePublishers]);
});

test("without a policy or without a publisher none is served, and that is no alarm", async () => {
  const world = await publishingWorld();
  for (const instance of [world.instance("no policy"), world.instance()]) {
    assert.equal(await served(world, instance), undefined);
  }
  assert.deepEqual(rulesOf(world), []);
  assert.ok(await served(world, world.publishingInstance("accept-and-alarm", older)));
});

test("after the publisher's rotation every instance serves the new document within two minutes, signed once", async () => {
  const world = await publishingWorld();
  const another = world.publishingInstance("accept-and-alarm", older);
  assert.ok((await served(world, another))?.includes(older.der));
  world.wait(hourMs / 2);
  assert.ok((await served(world, another))?.includes(older.der));
  const before = world.signatures();
  // The policy is read again after 30 s, by the timer too, which comes as often.
  world.wait(30_000);
  const publisher = { active: newer, certificates: [older, newer] };
  for (const instance of [world.first, another]) instance.apply({ sources: new Map(), publisher });
  assert.ok(await served(world, another), "no gap");
  world.wait(30_000);
  await world.first.refreshDue([]);
  assert.ok((await served(world, world.first))?.includes(newer.der));
  world.wait(60_000);
  await served(world, another);
  await another.home.stored(world.nowMs, 60_000);
  assert.ok((await served(world, another))?.includes(newer.der));
  assert.equal(world.signatures(), before + 1);
  assert.deepEqual(rulesOf(world), []);
});
