/** The certificates' states over a table: a rotation and a fallback may write at once, and neither may be lost. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { createTableCredentialStore } from "../../../../src/adapters/storage/credential-store.ts";
import type { CertificateRecord, CredentialState } from "../../../../src/domain/credentials/credential-state.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";
import { errorAnswer, startTableServer, tableCredential } from "../../../support/fixtures/table-server.ts";

const table = await startTableServer("audit");
after(() => table.stop());
beforeEach(() => table.reset());
const store = createTableCredentialStore(table.url, tableCredential);

const active: CertificateRecord = { x5tS256: "a".repeat(43), state: "active", sinceMs: startMs };
const staged: CertificateRecord = { x5tS256: "b".repeat(43), state: "staged", sinceMs: startMs };
const added = (record: CertificateRecord) => (state: CredentialState) => [...state, record];
const put = (RowKey: string, state: unknown, PartitionKey = "credentials") =>
  table.put({ PartitionKey, RowKey, json: JSON.stringify(state) });
/** Answers each write with this conflict, after another instance has written first; gives the number of writes. */
function conflicts(status: 409 | 412, times: number): () => number {
  let writes = 0;
  table.fault = ({ method }) => {
    if (method === "GET" || ++writes > times) return undefined;
    put(clientId, [active]);
    return errorAnswer(status, status === 409 ? "EntityAlreadyExists" : "UpdateConditionNotSatisfied");
  };
  return () => writes;
}

describe("the state of a client's certificates", () => {
  test("is empty at first, and is then what the last change made of it", async () => {
    assert.deepEqual(await store.load(), new Map());
    const seen: CredentialState[] = [];
    const change = (record: CertificateRecord) => (state: CredentialState) => {
      seen.push(state);
      return added(record)(state);
    };
    assert.deepEqual(await store.update(clientId, change(active)), [active]);
    assert.deepEqual(await store.update(clientId, change(staged)), [active, staged]);
    assert.deepEqual(seen, [[], [active]]);
    assert.deepEqual(await store.load(), new Map([[clientId, [active, staged]]]));
  });

  test("is one row of its client, in a partition of the audit's table that other rows do not share", async () => {
    await store.update(clientId, added(active));
    assert.deepEqual([...table.rows.keys()], [`credentials\n${clientId}`]);
    put(contosoId, [staged], "state");
    assert.deepEqual(await store.load(), new Map([[clientId, [active]]]));
  });

  test("replaces the row, so that no property of another form stays in it", async () => {
    table.put({ PartitionKey: "credentials", RowKey: clientId, json: "[]", foreign: "x" });
    await store.update(clientId, added(active));
    const [{ entity } = assert.fail()] = table.rows.values();
    assert.deepEqual(Object.keys(entity).sort(), ["PartitionKey", "RowKey", "json"]);
  });

  test("is read for all clients, and a row that names no client is left out", async () => {
    table.pageRows = 1;
    put(clientId, [active]);
    put("not-a-client", [active]);
    put(contosoId, [staged, { x5tS256: "short" }]);
    assert.deepEqual(
      await store.load(),
      new Map([
        [clientId, [active]],
        [contosoId, [staged]],
      ]),
    );
  });

  test("that is malformed is changed as if it were empty, and is then whole", async () => {
    table.put({ PartitionKey: "credentials", RowKey: clientId, json: "{" });
    assert.deepEqual(await store.update(clientId, added(active)), [active]);
    assert.deepEqual((await store.load()).get(clientId), [active]);
  });

  test("keeps both of two changes that are made at once to a new row, and to one that exists", async () => {
    for (const first of [[], [active]]) {
      table.reset();
      if (first.length > 0) put(clientId, first);
      const others = ["c", "d"].map((letter): CertificateRecord => ({ ...staged, x5tS256: letter.repeat(43) }));
      await Promise.all(others.map((record) => store.update(clientId, added(record))));
      const names = (await store.load()).get(clientId)?.map(({ x5tS256 }) => x5tS256);
      assert.deepEqual(names?.sort(), [...first, ...others].map(({ x5tS256 }) => x5tS256).sort());
    }
  });
});

describe("a write that conflicts with another one", () => {
  for (const status of [409, 412] as const) {
    test(`with ${status} is made again from what the other one wrote, up to five times in all`, async () => {
      const writes = conflicts(status, 4);
      assert.deepEqual(await store.update(clientId, added(staged)), [active, staged]);
      assert.equal(writes(), 5);
    });

    test(`with ${status} five times is an error`, async () => {
      const writes = conflicts(status, 5);
      await assert.rejects(store.update(clientId, added(staged)), { statusCode: status });
      assert.equal(writes(), 5);
      assert.deepEqual((await store.load()).get(clientId), [active]);
    });
  }
});

describe("storage that refuses", () => {
  test("a read leaves the state unknown: it is an error, and nothing is written", async () => {
    table.fault = () => errorAnswer(403, "AuthorizationFailure");
    await assert.rejects(store.load(), { statusCode: 403 });
    await assert.rejects(store.update(clientId, added(active)), { statusCode: 403 });
    assert.ok(table.requests.every((request) => request.startsWith("GET ")));
  });

  test("a write is asked once, and the refusal is an error", async () => {
    table.fault = ({ method }) => (method === "GET" ? undefined : errorAnswer(403, "AuthorizationFailure"));
    await assert.rejects(store.update(clientId, added(active)), { statusCode: 403 });
    assert.equal(table.requests.length, 2);
  });

  test("an error of the change itself is not repeated", async () => {
    const change = () => {
      throw new RangeError("mine");
    };
    await assert.rejects(store.update(clientId, change), RangeError);
    assert.equal(table.requests.length, 1);
  });
});
