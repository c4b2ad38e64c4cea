/** One refresh of a source: which of three documents are stored, what is reported, and what stays unchanged. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import type { FetchedDocument } from "../../../../src/domain/metadata/ports.ts";
import type { MetadataRefusal } from "../../../../src/domain/metadata/refusal.ts";
import { ok, type Result, refuse } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";
import {
  answer,
  createRefreshWorld,
  type DocumentName,
  discovery,
  documents,
  documentsOf,
  federationOf,
  firstChain,
  jwksOf,
  laterChain,
  one,
  outcomesOf,
  two,
  unchanged,
  unreachable,
  urls,
} from "../../../support/fixtures/refresh-world.ts";
import { documentRecord } from "../../../support/fixtures/stored-metadata.ts";

const hourMs = 3_600_000;

let world: ReturnType<typeof createRefreshWorld>;
beforeEach(() => {
  world = createRefreshWorld();
});

describe("a first refresh", () => {
  test("keeps each document with its ETag and its certificate chain, and reports it", async () => {
    for (const name of documents) world.answers[name] = ok({ ...fetchedOf(world.answers[name]), etag: `"${name}"` });
    const known = await world.refresh(undefined, startMs);
    const recordOf = (name: DocumentName, text: Uint8Array) => ({
      ...documentRecord(Buffer.from(text).toString(), startMs),
      ...{ etag: `"${name}"`, chain: firstChain },
    });
    const key = one.published;
    assert.deepEqual(known, {
      version: 2,
      federation: { ...recordOf("federation", federationOf(one)), signedBy: one.kid, keys: [key], former: [] },
      discovery: recordOf("discovery", discovery),
      jwks: { ...recordOf("jwks", jwksOf(one)), keys: [key] },
      keys: [{ ...key, firstSeenMs: startMs, lastSeenMs: startMs, firstUsedMs: startMs }],
      refreshed: { atMs: startMs, federation: "changed", discovery: "changed", jwks: "changed" },
    });
    const promoted = { event: "metadata_promoted" as const, source: contosoId, removed: [] };
    assert.deepEqual(world.events, [
      { ...promoted, document: "federation", continuity: "first", added: [one.kid] },
      { ...promoted, document: "discovery", continuity: "continuous", added: [] },
      { ...promoted, document: "jwks", continuity: "first", added: [one.kid] },
    ]);
    assert.deepEqual(world.asked, [
      [urls.federation, undefined],
      [urls.discovery, undefined],
      [urls.jwks, undefined],
    ]);
  });

  test("keeps nothing if nothing is returned, and is reported as refused", async () => {
    world.answers = { federation: unreachable, discovery: unchanged, jwks: unreachable };
    const known = await world.refresh(undefined, startMs);
    const reason = "not_reachable";
    const refreshed = { atMs: startMs, federation: reason, discovery: "unchanged", jwks: reason };
    assert.deepEqual(known, { version: 2, keys: [], refreshed });
    const refusal = { reason, code: "ECONNREFUSED" } as const;
    assert.deepEqual(
      world.events,
      (["federation", "jwks"] as const).map((document) => {
        return { event: "metadata_refused", source: contosoId, document, refusal };
      }),
    );
  });
});

function fetchedOf(given: Result<FetchedDocument, MetadataRefusal>): FetchedDocument {
  assert.ok(given.ok);
  return given.value;
}

describe("a later refresh", () => {
  const nowMs = startMs + hourMs;
  let known: LastKnownGood;
  beforeEach(async () => {
    world.answers.jwks = answer(jwksOf(one), '"jwks"');
    known = await world.refresh(undefined, startMs);
  });

  test("sends the known ETags, and unchanged documents are confirmed without an event", async () => {
    world.answers = { federation: unchanged, discovery: unchanged, jwks: unchanged };
    const next = await world.refresh(known, nowMs);
    assert.deepEqual(
      world.asked.map(([, etag]) => etag),
      [undefined, undefined, '"jwks"'],
    );
    const confirmed = { verifiedAtMs: nowMs, chain: laterChain };
    assert.deepEqual(documentsOf(next), {
      federation: { ...known.federation, ...confirmed },
      discovery: { ...known.discovery, ...confirmed },
      jwks: { ...known.jwks, ...confirmed },
    });
    assert.equal(next.keys[0]?.lastSeenMs, nowMs);
    assert.deepEqual([outcomesOf(next), world.events], [["unchanged", "unchanged", "unchanged"], []]);
  });

  test("with the same bytes confirms them too", async () => {
    const next = await world.refresh(known, nowMs);
    assert.deepEqual([outcomesOf(next), world.events], [["unchanged", "unchanged", "unchanged"], []]);
    assert.deepEqual([next.jwks?.fetchedAtMs, next.keys[0]?.lastSeenMs], [nowMs, nowMs]);
    assert.deepEqual(next.federation, { ...known.federation, fetchedAtMs: nowMs, verifiedAtMs: nowMs });
  });

  test("without any answer changes nothing, and no key counts as seen", async () => {
    world.answers = { federation: unreachable, discovery: unreachable, jwks: unreachable };
    const next = await world.refresh(known, nowMs);
    assert.deepEqual(documentsOf(next), documentsOf(known));
    assert.deepEqual(next.keys, known.keys);
    assert.deepEqual(outcomesOf(next), ["not_reachable", "not_reachable", "not_reachable"]);
    assert.equal(world.events.length, 3);
  });

  test("with refused documents keeps the previous ones, including their ETags", async () => {
    const nonsense = answer(Buffer.from("[]"), '"other"');
    world.answers = { ...{ discovery: nonsense, jwks: nonsense }, federation: answer(federationOf(one, two)) };
    const der = Buffer.from("no certificate").toString("base64");
    world.read = (metadata) => {
      const [first, ...others] = metadata.idpCertificates;
      return ok({ ...metadata, idpCertificates: [...(first ? [{ ...first, der }] : []), ...others] });
    };
    const next = await world.refresh(known, nowMs);
    assert.deepEqual([documentsOf(next), next.keys], [documentsOf(known), known.keys]);
    const rule = "the certificate is not readable";
    const refusals = {
      federation: { reason: "certificate_not_readable", rule },
      discovery: { reason: "discovery_not_readable" },
      jwks: { reason: "jwks_not_readable" },
    };
    assert.deepEqual(
      outcomesOf(next),
      documents.map((name) => refusals[name].reason),
    );
    const refused = documents.map((document) => {
      return { event: "metadata_refused", source: contosoId, document, refusal: refusals[document] };
    });
    assert.deepEqual(world.events, refused);
  });

  test("with federation metadata that do not verify, or are another tenant's, keeps the previous ones", async () => {
    world.answers.federation = answer(federationOf(one, two));
    for (const [read, reason] of [
      [() => refuse({ reason: "digest_mismatch" }), "digest_mismatch"],
      [(metadata) => ok({ ...metadata, entityId: "https://sts.windows.net/x/" }), "entity_id_not_expected"],
    ] as [typeof world.read, string][]) {
      world.read = read;
      const next = await world.refresh(known, nowMs);
      assert.deepEqual([next.federation, next.refreshed?.federation], [known.federation, reason]);
    }
  });

  test("remembers when a key was first used: by a token, or by federation metadata", async () => {
    const uses = new Map([[one.kid, startMs - 5]]);
    assert.equal((await world.refresh(undefined, startMs, "hold", uses)).keys[0]?.firstUsedMs, startMs - 5);
    world.answers = { ...world.answers, federation: unreachable, jwks: answer(jwksOf(one)) };
    const [key] = (await world.refresh(undefined, startMs)).keys;
    assert.equal(key?.firstUsedMs, undefined);
  });

  test("republishes only the signing keys of a set", async () => {
    const { keys } = JSON.parse(jwksOf(one, two).toString());
    world.answers.jwks = answer(Buffer.from(JSON.stringify({ keys: [keys[0], { kty: "EC", kid: "x" }] })));
    const { jwks } = await world.refresh(undefined, nowMs);
    assert.deepEqual(Buffer.from(jwks?.body ?? "", "base64"), jwksOf(one));
  });

  test("keeps data that others have stored beside the documents", async () => {
    const { body, sha256 } = documentRecord("idp", startMs);
    const idp = { body, sha256, madeFromSha256: "x", publisherX5tS256: "x", validUntilMs: startMs };
    const refreshed = { atMs: startMs, federation: "changed", discovery: "changed", jwks: "changed", requestId: "1" };
    const next = await world.refresh({ ...known, idp, refreshed }, nowMs);
    assert.deepEqual([next.idp, next.refreshed?.requestId], [idp, "1"]);
  });
});
