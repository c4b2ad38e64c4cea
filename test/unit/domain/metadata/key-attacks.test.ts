/** Attackers that answer instead of Entra, over TLS that verifies, and the results. */
import assert from "node:assert/strict";
import { createHash, createSign } from "node:crypto";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { forgeFederationMetadata } from "../../../../local/emulators/entra/forged-metadata.ts";
import { generateSigningKey, type SigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import { ok } from "../../../../src/domain/shared/result.ts";
import {
  createMetadataWorld,
  type DocumentName,
  dayMs,
  eventsNamed,
  homeTenantId,
  hourMs,
  type MetadataWorld,
} from "../../../support/fixtures/metadata-world.ts";

interface Jwk {
  kid: string;
  n: string;
  e: string;
  x5t?: string;
  x5c?: string[];
}

const attacker = await generateSigningKey();
const modes = ["hold", "accept-and-alarm"] as const;

const jwksOf = (world: MetadataWorld) => world.entra.jwks(homeTenantId).keys as Jwk[];
const encode = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** From now on the network gives these documents. */
function replay(world: MetadataWorld, documents: Partial<Record<DocumentName, unknown>>): void {
  world.intercept = (document, genuine) =>
    documents[document] === undefined ? undefined : ok({ ...genuine, body: encode(documents[document]) });
}

/** The documents that Entra publishes at this moment. */
function recorded(world: MetadataWorld) {
  return { federation: world.entra.federationMetadata(homeTenantId), jwks: { keys: jwksOf(world) } };
}

async function refreshLater(world: MetadataWorld, instance: ReturnType<MetadataWorld["instance"]>, ms = hourMs) {
  world.wait(ms);
  await instance.refreshAll();
}

const stored = (world: MetadataWorld) => JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
const storedKids = (world: MetadataWorld): string[] => stored(world).jwks.keys.map(({ kid }: Jwk) => kid);

/** A caller's token that the attacker signs under this name. */
async function forgedToken(world: MetadataWorld, kid: string, key: SigningKey = attacker): Promise<string> {
  const [, claims = ""] = (await world.token()).split(".");
  const header = Buffer.from(JSON.stringify({ typ: "JWT", alg: "RS256", kid })).toString("base64url");
  const signature = createSign("sha256").update(`${header}.${claims}`).sign(key.privateKey).toString("base64url");
  return `${header}.${claims}.${signature}`;
}

for (const mode of modes) {
  describe(`with ${mode}, the name of a key that Entra has announced beside the attacker's key`, () => {
    const disguises: [what: string, disguise: (genuine: Jwk) => Jwk][] = [
      ["without a certificate", ({ x5c, ...genuine }) => ({ ...genuine, n: attacker.n })],
      ["with the genuine certificate", (genuine) => ({ ...genuine, n: attacker.n })],
      ["with the attacker's certificate", (genuine) => ({ ...genuine, n: attacker.n, x5c: [attacker.certificate] })],
      ["with the exponent 1", (genuine) => ({ ...genuine, e: "AQ" })],
    ];
    for (const [what, disguise] of disguises) {
      test(`is refused ${what}, with its own alarm, and forgotten: the genuine key is used when its time comes`, async () => {
        const world = await createMetadataWorld();
        const instance = world.instance(mode);
        assert.ok(await world.accepts(instance));
        const announced = await world.entra.announceKey();
        await refreshLater(world, instance);
        const [current, next] = jwksOf(world);
        assert.ok(current && next);
        replay(world, { jwks: { keys: [current, disguise(next)] } });
        await refreshLater(world, instance);
        assert.deepEqual(
          eventsNamed(world, "metadata_known_key_changed").map((event) => "kid" in event && event.kid),
          [announced],
        );
        assert.equal(await world.accepts(instance, await forgedToken(world, announced)), false);
        world.intercept = () => undefined;
        await refreshLater(world, instance);
        world.entra.activateKey(announced);
        assert.ok(await world.accepts(instance));
      });
    }

    test("is refused even if only the federation metadata have announced it", async () => {
      const world = await createMetadataWorld();
      const instance = world.instance(mode);
      assert.ok(await world.accepts(instance));
      const [current] = jwksOf(world);
      const announced = await world.entra.announceKey();
      const genuine = jwksOf(world).find(({ kid }) => kid === announced);
      assert.ok(current && genuine);
      replay(world, {
        jwks: { keys: [current, { kty: "RSA", use: "sig", kid: announced, n: attacker.n, e: "AQAB" }] },
      });
      await refreshLater(world, instance);
      assert.equal(eventsNamed(world, "metadata_known_key_changed").length, 1);
      assert.equal(await world.accepts(instance, await forgedToken(world, announced)), false);
      world.intercept = () => undefined;
      await refreshLater(world, instance);
      world.entra.activateKey(announced);
      assert.ok(await world.accepts(instance));
    });
  });

  describe(`with ${mode}, a key set beside the genuine keys`, () => {
    const additions: [what: string, key: (genuine: Jwk) => object][] = [
      ["with a key without a certificate", () => ({ kty: "RSA", use: "sig", kid: "k", n: attacker.n, e: attacker.e })],
      ["with a key of an empty name", (genuine) => ({ ...genuine, kid: "" })],
      ["with escape characters in a name", (genuine) => ({ ...genuine, kid: "\u001b]0;x\u0007" })],
      ["with the certificate of a genuine key", ({ x5c, x5t }) => ({ kty: "RSA", kid: x5t, x5t, x5c, n: attacker.n })],
    ];
    for (const [what, key] of additions) {
      test(`${what} changes nothing`, async () => {
        const world = await createMetadataWorld();
        const instance = world.instance(mode);
        assert.ok(await world.accepts(instance));
        const before = storedKids(world);
        const [genuine] = jwksOf(world);
        assert.ok(genuine);
        replay(world, { jwks: { keys: [genuine, key(genuine)] } });
        await refreshLater(world, instance);
        assert.equal(eventsNamed(world, "metadata_refused").length, 1);
        assert.deepEqual(storedKids(world), before);
        assert.ok(await world.accepts(instance));
      });
    }

    test("with an elliptic-curve key is used, and republished without it", async () => {
      const world = await createMetadataWorld();
      const instance = world.instance(mode);
      assert.ok(await world.accepts(instance));
      await world.entra.announceKey();
      const keys = [...jwksOf(world), { kty: "EC", crv: "P-256", kid: "ec", x: "AA", y: "AA", use: "sig" }];
      replay(world, { jwks: { keys } });
      await refreshLater(world, instance);
      const body = Buffer.from(stored(world).jwks.body, "base64").toString("utf8");
      assert.deepEqual(JSON.parse(body), { keys: jwksOf(world) });
    });
  });
}

describe("an older set of documents, every one of them Entra's own,", () => {
  /** Three keys in turn; the first is withdrawn long before the end. Returns what Entra published with it. */
  async function rolledOver(mode: (typeof modes)[number]) {
    const world = await createMetadataWorld();
    const instance = world.instance(mode);
    const [first] = jwksOf(world);
    assert.ok(first);
    const second = await world.entra.announceKey();
    await refreshLater(world, instance);
    world.entra.activateKey(second);
    await refreshLater(world, instance);
    const older = recorded(world);
    world.entra.retireKey(first.kid);
    await refreshLater(world, instance);
    return { world, instance, older, first: first.kid, second };
  }

  test("is held if the policy says so, once its withdrawn key has been missing for more than a day", async () => {
    const { world, instance, older, second } = await rolledOver("hold");
    await refreshLater(world, instance, dayMs + 1);
    assert.deepEqual(storedKids(world), [second]);
    replay(world, older);
    await refreshLater(world, instance);
    const documents = eventsNamed(world, "metadata_discontinuous").map(
      (event) => "document" in event && event.document,
    );
    assert.deepEqual(documents, ["federation", "jwks"]);
    assert.deepEqual(storedKids(world), [second]);
    assert.deepEqual(
      stored(world).federation.keys.map(({ kid }: Jwk) => kid),
      [second],
    );
    assert.ok(await world.accepts(instance));
  });

  test("is accepted with an alarm if the policy says so", async () => {
    const { world, instance, older, first, second } = await rolledOver("accept-and-alarm");
    await refreshLater(world, instance, dayMs + 1);
    replay(world, older);
    await refreshLater(world, instance);
    assert.equal(eventsNamed(world, "metadata_discontinuous").length, 2);
    assert.deepEqual(storedKids(world), [first, second]);
  });

  test("follows within the day, because not all of Entra's servers change at the same time", async () => {
    const { world, instance, older, first, second } = await rolledOver("hold");
    await refreshLater(world, instance, dayMs - hourMs);
    replay(world, older);
    await refreshLater(world, instance, hourMs - 1);
    assert.deepEqual(eventsNamed(world, "metadata_discontinuous"), []);
    assert.deepEqual(storedKids(world), [first, second]);
  });

  test("is held even if only the key set is the older one", async () => {
    const { world, instance, older, second } = await rolledOver("hold");
    await refreshLater(world, instance, dayMs + 1);
    replay(world, { jwks: older.jwks });
    await refreshLater(world, instance);
    assert.equal(eventsNamed(world, "metadata_discontinuous").length, 1);
    assert.deepEqual(storedKids(world), [second]);
  });
});

describe("the stored record", () => {
  const spoilings: [what: string, spoil: (record: ReturnType<typeof stored>) => unknown][] = [
    ["with a key of another name", (record) => ({ ...record, keys: [{ ...record.keys[0], kid: "k" }] })],
    ["with the attacker's n", (record) => ({ ...record, keys: [{ ...record.keys[0], n: attacker.n }] })],
    ["with a key without n", (record) => ({ ...record, keys: [{ ...record.keys[0], n: undefined }] })],
    ["with a key that is null", (record) => ({ ...record, keys: [...record.keys, null] })],
    [
      "with an entry that is no certificate",
      (record) => ({ ...record, keys: [{ ...record.keys[0], certificate: "" }] }),
    ],
    ["with keys that are no list", (record) => ({ ...record, keys: {} })],
    ["with a time that is a text", (record) => ({ ...record, keys: [{ ...record.keys[0], lastSeenMs: "now" }] })],
    ["with a key set that is another one", (record) => ({ ...record, jwks: { ...record.jwks, keys: [] } })],
    ["with a body that is another one", (record) => ({ ...record, jwks: { ...record.jwks, body: "e30=" } })],
    ["with a signer that is not listed", (r) => ({ ...r, federation: { ...r.federation, signedBy: "k" } })],
    ["of a later version", (record) => ({ ...record, version: 3 })],
    ["that is null", () => null],
    ["that is no JSON", () => "{"],
  ];
  for (const [what, spoil] of spoilings) {
    test(`${what} is refused and left unchanged, and callers are verified with Entra's answer`, async () => {
      const world = await createMetadataWorld();
      assert.ok(await world.accepts(world.instance()));
      const spoilt = spoil(stored(world));
      const text = typeof spoilt === "string" ? spoilt : JSON.stringify(spoilt);
      world.store.blobs.set(homeTenantId, { text, etag: '"spoilt"' });
      const instance = world.instance();
      assert.ok(await world.accepts(instance));
      assert.equal(await world.accepts(instance, await forgedToken(world, "k")), false);
      await refreshLater(world, instance);
      assert.ok(eventsNamed(world, "metadata_record_refused").length > 0);
      assert.equal(world.store.blobs.get(homeTenantId)?.text, text);
    });
  }

  test("and is corrupted while an instance runs changes nothing there", async () => {
    const world = await createMetadataWorld();
    const instance = world.instance("hold");
    assert.ok(await world.accepts(instance));
    world.store.blobs.set(homeTenantId, { text: '{"version":2,"keys":[{}]}', etag: '"spoilt"' });
    world.wait(61_000);
    assert.ok(await world.accepts(instance));
    await turn();
    assert.ok(await world.accepts(instance));
    assert.equal(eventsNamed(world, "metadata_record_refused").length, 1);
  });

  /** The attacker's document in place of the genuine one, with a hash and keys to match. */
  async function withForgedFederation(world: MetadataWorld) {
    const forgery = await forgeFederationMetadata({ tenantId: homeTenantId });
    const body = Buffer.from(forgery.document);
    const record = stored(world);
    const keys = forgery.keys.map(({ kid, n, e, certificate }) => ({ kid, n, e, certificate }));
    record.federation = { ...record.federation, body: body.toString("base64"), keys, signedBy: keys[0]?.kid };
    record.federation.sha256 = createHash("sha256").update(body).digest("hex");
    return { record, forgery };
  }
  const store = (world: MetadataWorld, record: unknown) =>
    world.store.blobs.set(homeTenantId, { text: JSON.stringify(record), etag: '"forged"' });

  const tampering: [
    what: string,
    tamper: (record: ReturnType<typeof stored>, genuine: ReturnType<typeof stored>) => void,
  ][] = [
    [
      "a tampered document",
      (record) => {
        const text = Buffer.from(record.federation.body, "base64").toString("utf8").replace("saml2", "saml3");
        record.federation.body = Buffer.from(text).toString("base64");
        record.federation.sha256 = createHash("sha256").update(text).digest("hex");
      },
    ],
    [
      "keys that the document does not list",
      (record, genuine) => {
        record.federation.keys = [...genuine.federation.keys, ...record.federation.keys];
      },
    ],
    [
      "the document of another tenant",
      (record) => {
        const other = Buffer.from(record.federation.body, "base64").toString("utf8").replaceAll(homeTenantId, "x");
        record.federation.body = Buffer.from(other).toString("base64");
        record.federation.sha256 = createHash("sha256").update(other).digest("hex");
      },
    ],
  ];
  for (const [what, tamper] of tampering) {
    test(`with ${what} is not republished, vouches for nothing, and is replaced by Entra's answer`, async () => {
      const world = await createMetadataWorld();
      assert.ok(await world.accepts(world.instance("hold")));
      const genuine = stored(world);
      const { record } = await withForgedFederation(world);
      tamper(record, genuine);
      store(world, record);
      const instance = world.instance("hold");
      const { federation, jwks } = (await instance.home.readable(world.nowMs)) ?? {};
      assert.deepEqual([federation, jwks?.keys.length], [undefined, 1]);
      assert.equal(eventsNamed(world, "metadata_record_refused").length, 1);
      await refreshLater(world, instance);
      assert.equal(stored(world).federation.sha256, genuine.federation.sha256);
    });
  }

  test("and verifies is republished", async () => {
    const world = await createMetadataWorld();
    assert.ok(await world.accepts(world.instance()));
    const { federation } = (await world.instance().home.readable(world.nowMs)) ?? {};
    assert.equal(federation?.sha256, stored(world).federation.sha256);
  });
});
