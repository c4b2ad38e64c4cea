/** How an instance uses the tokens of the fleet, and the key that opens them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeTable } from "../../../support/fakes/table.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { createInstance, failed, place, rootKey, token, wrappedKey } from "../../../support/fixtures/shared-cache.ts";

describe("a token of the fleet", () => {
  test("is found by another instance as stored, until it expires", async () => {
    const rows = createFakeTable();
    await createInstance(rows).shared.store(place, token);
    const { shared, clock, events } = createInstance(rows, "two");
    assert.deepEqual(await shared.find(place), token);
    clock.set(token.expiresAt * 1000 - 1);
    assert.deepEqual(await shared.find(place), token);
    clock.set(token.expiresAt * 1000);
    assert.equal(await shared.find(place), undefined);
    assert.equal(await shared.find({ ...place, scope: ids.storageScope }), undefined);
    assert.deepEqual(events, []);
  });

  test("is nowhere in the table in clear text", async () => {
    const rows = createFakeTable();
    await createInstance(rows).shared.store(place, token);
    const [{ sealed } = assert.fail()] = rows.rows();
    assert.ok(sealed instanceof Uint8Array);
    assert.ok(!Buffer.from(sealed).includes("payload"));
  });

  const attacks: [what: string, change: object, because: string][] = [
    ["with a later expiry", { expiresAt: new Date(startMs + 7_200_000) }, "not_authentic"],
    ["that is a text", { sealed: "eyJ0eXAiOiJKV1QifQ.payload.signature" }, "malformed"],
  ];
  for (const [what, change, because] of attacks) {
    test(`${what}, written by an attacker, is not used, and reported once a minute`, async () => {
      const rows = createFakeTable();
      await createInstance(rows).shared.store(place, token);
      const [{ partitionKey, rowKey } = assert.fail()] = rows.rows() as { partitionKey: string; rowKey: string }[];
      await rows.client.upsertEntity({ partitionKey, rowKey, ...change }, "Merge");
      const { shared, clock, events } = createInstance(rows, "two");
      const report = failed("find", because, "not_ours");
      assert.equal(await shared.find(place), undefined);
      clock.advanceMs(59_999);
      await shared.find(place);
      assert.deepEqual(events, [report]);
      clock.advanceMs(1);
      await shared.find(place);
      assert.deepEqual(events, [report, report]);
    });
  }
});

describe("the right to mint", () => {
  test("belongs to one instance until it releases it, and for 25 s at most", async () => {
    const rows = createFakeTable();
    const [one, two] = [createInstance(rows), createInstance(rows, "two")];
    assert.equal(await one.shared.claim(place), "granted");
    two.clock.advanceMs(24_999);
    assert.equal(await two.shared.claim(place), "held");
    two.clock.advanceMs(1);
    assert.equal(await two.shared.claim(place), "granted");
    await one.shared.release(place);
    one.clock.advanceMs(25_000);
    assert.equal(await one.shared.claim(place), "held");
    await two.shared.release(place);
    assert.equal(await one.shared.claim(place), "granted");
  });

  test("is still held when the token is stored, because others may have looked just before", async () => {
    const rows = createFakeTable();
    const one = createInstance(rows);
    await one.shared.claim(place);
    await one.shared.store(place, token);
    assert.equal(await createInstance(rows, "two").shared.claim(place), "held");
  });
});

test("a sweep deletes what is not needed, and asks with client, tenant and time of minting", async () => {
  const { shared, background, clock } = createInstance();
  await shared.store(place, token);
  const asked: unknown[] = [];
  const isWanted = (isKept: boolean) => (minted: object, clientId: string, tenantId: string) => {
    asked.push([minted, clientId, tenantId]);
    return isKept;
  };
  await shared.sweep(isWanted(true));
  assert.deepEqual(asked, [[{ mintedAtMs: startMs }, ids.clientId, ids.contosoId]]);
  assert.equal(background.rows().length, 1);
  await shared.sweep(isWanted(false));
  assert.equal(background.rows().length, 0);
  await shared.store(place, token);
  clock.set(token.expiresAt * 1000);
  await shared.sweep(isWanted(true));
  assert.equal(background.rows().length, 0, "expired");
});

test("requests do not queue behind background work", async () => {
  const { shared, table, background } = createInstance();
  await shared.store(place, token);
  await shared.release(place);
  await shared.sweep(() => true);
  assert.deepEqual(table.calls, []);
  const before = background.calls.length;
  await shared.find(place);
  await shared.claim(place);
  assert.equal(background.calls.length, before);
});

describe("the key of the fleet", () => {
  test("is unwrapped once, and the connection is opened once, even for many requests at once", async () => {
    const { shared, vault, connection } = createInstance();
    await Promise.all([shared.find(place), shared.claim(place), shared.store(place, token)]);
    await shared.warm();
    assert.deepEqual(vault.asked, [wrappedKey]);
    assert.equal(connection.asked, 1);
  });

  test("that the vault does not unwrap is requested again after 5 s; until then the instance works alone", async () => {
    const { shared, vault, clock, table, background, events } = createInstance();
    vault.answer = async () => {
      throw Object.assign(new Error("https://vault/keys/k"), { name: "RestError", statusCode: 403 });
    };
    assert.equal(await shared.find(place), undefined);
    clock.advanceMs(4_999);
    assert.equal(await shared.claim(place), "unknown");
    await shared.store(place, token);
    assert.equal(vault.asked.length, 1);
    assert.deepEqual([...table.calls, ...background.calls], []);
    assert.deepEqual(events, [failed("unwrap", "RestError 403")]);
    vault.answer = async () => rootKey;
    clock.advanceMs(1);
    assert.equal(await shared.claim(place), "granted");
  });

  for (const bytes of [31, 33]) {
    test(`of ${bytes} bytes is refused`, async () => {
      const { shared, vault, events } = createInstance();
      vault.answer = async () => new Uint8Array(bytes);
      assert.equal(await shared.claim(place), "unknown");
      assert.deepEqual(events, [failed("unwrap", "RangeError")]);
    });
  }
});
