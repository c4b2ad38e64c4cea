import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { generateSigningKey } from "../../../local/emulators/entra/signing-key.ts";
import type { IdpRecord, LastKnownGood, RefreshRecord } from "../../../src/domain/metadata/last-known-good.ts";
import type { RefreshRequestsDocument } from "../../../src/domain/metadata/refresh-requests.ts";
import { startMs } from "../../support/fakes/clock.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { validPolicy } from "../../support/fixtures/policy.ts";
import { jwksRecord, publishedKey } from "../../support/fixtures/stored-metadata.ts";
import { createCliWorld } from "./cli-world.ts";

const [one, two] = await Promise.all([generateSigningKey(), generateSigningKey()]);
const outcome = { atMs: startMs, federation: "unchanged", discovery: "unchanged", jwks: "unchanged" };
const idp = (text: string): IdpRecord => ({
  body: Buffer.from(text).toString("base64"),
  sha256: createHash("sha256").update(text).digest("hex"),
  ...{ madeFromSha256: "", publisherX5tS256: "", validUntilMs: startMs + 7 * 86_400_000 },
});

/** Home and Contoso are kept; each time that the command waits, the app carries out what is asked as the test says. */
function createWorld(answer: (source: string, id: string) => Partial<LastKnownGood> | undefined) {
  const policy = { ...validPolicy(), metadata: [{ tenant: ids.contosoId }] };
  const world = createCliWorld(JSON.stringify(policy));
  world.rounds = 1_000;
  const store = (source: string, record: LastKnownGood) =>
    world.metadataStore.blobs.set(source, { text: JSON.stringify(record), etag: `"${world.pauses.length}"` });
  for (const source of [ids.homeTenantId, ids.contosoId]) {
    store(source, { version: 2, jwks: jwksRecord([one], startMs), keys: [], idp: idp("before") });
  }
  world.onPause = () => {
    world.nowMs += 2_000;
    for (const { source, id } of asked(world)) {
      const record = answer(source, id);
      if (record) store(source, { version: 2, keys: [], ...record });
    }
  };
  return world;
}

const asked = (world: ReturnType<typeof createCliWorld>) =>
  (JSON.parse(world.refreshes.text ?? '{"requests":[]}') as RefreshRequestsDocument).requests;
const refreshed = (requestId: string, differing: Partial<RefreshRecord> = {}): RefreshRecord => ({
  ...{ ...outcome, requestId, ...differing },
});

describe("metadata refresh", () => {
  test("asks for every source, waits for the app, and says what changed", async () => {
    const world = createWorld((_, id) => ({
      ...{ jwks: jwksRecord([one, two], startMs), idp: idp("after") },
      refreshed: refreshed(id, { federation: "changed", jwks: "changed" }),
    }));
    const { exit, out, err } = await world.run("metadata", "refresh");
    assert.equal(exit, 0, err);
    assert.match(err, /asked to refresh 2 sources/);
    for (const source of [ids.homeTenantId, ids.contosoId]) assert.ok(out.includes(source));
    assert.match(
      out,
      new RegExp(`key set changed\n {2}key ${two.kid} added\n {2}idp.xml signed again, valid until 20`),
    );
    assert.deepEqual(
      asked(world).map(({ source, by }) => [source, by]),
      [ids.homeTenantId, ids.contosoId].map((source) => [source, "anna@example.com"]),
    );
  });

  test("of one tenant, by name or id, asks for that one, and keeps what others have asked", async () => {
    for (const name of ["contoso", ids.contosoId.toUpperCase()]) {
      const world = createWorld((_, id) => ({ jwks: jwksRecord([one], startMs), refreshed: refreshed(id) }));
      const other = { source: "x", id: "00000000-0000-4000-8000-000000000001", by: "bob", at: "2026-06-01T00:00:00Z" };
      world.refreshes.text = JSON.stringify({ version: 1, requests: [other, { ...other, source: ids.contosoId }] });
      const { exit, out } = await world.run("metadata", "refresh", name);
      assert.deepEqual([exit, out], [0, `${ids.contosoId}\n  verified, nothing changed`]);
      assert.deepEqual(
        asked(world).map(({ source, by }) => `${source} ${by}`),
        ["x bob", `${ids.contosoId} anna@example.com`],
      );
    }
  });

  test("loses to nobody who writes at the same time, and replaces a document that is not valid", async () => {
    const world = createWorld((_, id) => ({ jwks: jwksRecord([one], startMs), refreshed: refreshed(id) }));
    world.refreshes.text = "{";
    let isFirst = true;
    world.refreshes.meanwhile = () => {
      if (isFirst) world.refreshes.text = JSON.stringify({ version: 1, requests: [] });
      isFirst = false;
    };
    assert.equal((await world.run("metadata", "refresh", "contoso")).exit, 0);
    assert.equal(asked(world).length, 1);
  });

  for (const [what, differing, expected] of [
    ["held", { federation: "held" }, /federation metadata HELD: no known key vouches for it/],
    ["refused", { jwks: "jwks_known_key_changed" }, /key set REFUSED: jwks_known_key_changed/],
  ] as const) {
    test(`whose document is ${what} is exit code 1, with the reason`, async () => {
      const world = createWorld((_, id) => ({ jwks: jwksRecord([one], startMs), refreshed: refreshed(id, differing) }));
      const { exit, out } = await world.run("metadata", "refresh", "contoso");
      assert.equal(exit, 1);
      assert.match(out, expected);
    });
  }

  test("that the app does not carry out is exit code 3 after two minutes, and the request stays", async () => {
    const world = createWorld((_, id) => ({
      ...{ jwks: jwksRecord([one], startMs) },
      refreshed: refreshed(id.replace(/.$/, (last) => (last === "0" ? "1" : "0"))),
    }));
    const { exit, out } = await world.run("metadata", "refresh", "contoso");
    assert.equal(exit, 3);
    assert.match(out, /no answer/);
    assert.equal(world.nowMs, startMs + 120_000);
    assert.equal(asked(world).length, 1);
  });

  test("that the operator does not wait for is exit code 3", async () => {
    const world = createWorld(() => undefined);
    world.rounds = 2;
    assert.equal((await world.run("metadata", "refresh", "contoso")).exit, 3);
    assert.equal(world.pauses.length, 2);
  });

  test("of a tenant whose metadata is not kept is refused, with those that are", async () => {
    const world = createWorld(() => undefined);
    const { exit, err } = await world.run("metadata", "refresh", "fabrikam");
    assert.equal(exit, 1);
    assert.match(err, /There is no metadata source "fabrikam"/);
    assert.equal(world.refreshes.text, undefined);
  });

  test("of a source whose record is refused asks for nothing: the app would not answer", async () => {
    const world = createWorld(() => undefined);
    world.metadataStore.blobs.set(ids.contosoId, { text: "{}", etag: "1" });
    const { exit, err } = await world.run("metadata", "refresh", "contoso");
    assert.equal(exit, 1);
    assert.match(err, /not a metadata record/);
    assert.equal(world.refreshes.text, undefined);
  });

  test("says the same to machines", async () => {
    const world = createWorld((_, id) => ({
      ...{ jwks: jwksRecord([two], startMs), idp: idp("before") },
      refreshed: refreshed(id, { jwks: "changed" }),
    }));
    const { out } = await world.run("metadata", "refresh", "contoso", "--json");
    assert.deepEqual(JSON.parse(out), [
      {
        ...{ source: ids.contosoId, answered: true, refreshedAt: "2026-06-01T12:00:00Z" },
        ...{ federation: "unchanged", discovery: "unchanged", jwks: "changed" },
        ...{ added: [publishedKey(two).kid], removed: [publishedKey(one).kid] },
        idp: { signedAnew: false, validUntil: "2026-06-08T12:00:00Z" },
      },
    ]);
  });
});
