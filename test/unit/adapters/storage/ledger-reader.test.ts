/** The audit's view of the ledger: whatever a table contains, only rows that Keyhold wrote explain a signature. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { ledgerPartitions, partitionOf } from "../../../../src/adapters/storage/ledger-partition.ts";
import { createTableLedgerReader } from "../../../../src/adapters/storage/ledger-reader.ts";
import { hourMs } from "../../../../src/domain/audit/ledger-search.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { startTableServer, tableCredential } from "../../../support/fixtures/table-server.ts";

const table = await startTableServer("ledger");
after(() => table.stop());
beforeEach(() => table.reset());
const reader = createTableLedgerReader(table.url, tableCredential);

const hour = Date.UTC(2027, 0, 1, 12);
const key = { keyName: "token-signing", keyVersion: "v1", instance: "instance-1" };

/** Writes a row as Keyhold does, or one that differs from that; gives its id. */
function write(timeMs: number, differing: Record<string, unknown> = {}): string {
  const id = createLedgerId(timeMs);
  const time = { "time@odata.type": "Edm.DateTime", time: new Date(timeMs).toISOString() };
  const outcome = { outcome: "issued", vaultRequestId: "request-1" };
  table.put({ PartitionKey: partitionOf(id), RowKey: id, ...time, ...key, ...outcome, ...differing });
  return id;
}
const idsOf = async (fromMs: number, toMs: number) =>
  (await reader.rowsBetween(fromMs, toMs)).map(({ id }) => id).sort();

describe("the ledger, as the audit reads it,", () => {
  test("returns each row with its time, key, instance, outcome and request", async () => {
    const id = write(hour + 5);
    assert.deepEqual(await reader.rowsBetween(hour, hour + 10), [
      { id, timeMs: hour + 5, ...key, outcome: "issued", vaultRequestId: "request-1" },
    ]);
  });

  test("returns an intent without its outcome, and does not invent missing members", async () => {
    const id = createLedgerId(hour);
    const time = { "time@odata.type": "Edm.DateTime", time: new Date(hour).toISOString() };
    table.put({ PartitionKey: partitionOf(id), RowKey: id, ...time });
    const [row] = await reader.rowsBetween(hour, hour + 1);
    assert.deepEqual(row, { id, timeMs: hour, keyName: "", keyVersion: "", instance: "" });
  });

  test("begins with the first millisecond and ends before the last, across hours too", async () => {
    const inside = [hour - 3, hour - 1, hour, hour + hourMs - 1, hour + hourMs].map((timeMs) => write(timeMs));
    for (const timeMs of [hour - 4, hour + hourMs + 1]) write(timeMs);
    assert.deepEqual(await idsOf(hour - 3, hour + hourMs + 1), inside.sort());
  });

  test("is read completely over many pages, in all sixteen partitions of an hour and in no other hour", async () => {
    table.pageRows = 3;
    const ids = Array.from({ length: 300 }, (_, i) => write(hour + i));
    assert.deepEqual(await idsOf(hour, hour + hourMs), ids.sort());
    const asked = new Set(table.requests.map((request) => /PartitionKey eq '(.*?)'/.exec(request)?.[1]));
    assert.deepEqual([...asked].sort(), ledgerPartitions(hour));
  });

  test("is read four partitions at a time, with only the columns that the audit needs", async () => {
    const waiting: (() => void)[] = [];
    const open: number[] = [];
    // Answers four at once: fewer would never be answered.
    table.gate = () =>
      new Promise((resolve) => {
        open.push(waiting.push(resolve));
        if (waiting.length === 4) for (const answer of waiting.splice(0)) answer();
      });
    await reader.rowsBetween(hour, hour + 100);
    assert.deepEqual(open, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
    for (const request of table.requests) {
      assert.match(request, /RowKey ge '\w+-\w+' and RowKey lt '\w+-\w+'/);
      const select = /\$select=([^&]*)/.exec(request)?.[1];
      assert.equal(select, "RowKey,time,keyName,keyVersion,identityClientId,outcome,vaultRequestId,instance");
    }
  });

  test("is not used if one partition cannot be read", async () => {
    write(hour);
    table.fault = ({ url }) => (url.search.includes("_f%27") ? { status: 403 } : undefined);
    await assert.rejects(reader.rowsBetween(hour, hour + 1), { statusCode: 403 });
  });
});

describe("a forged or foreign row of the ledger explains no signature:", () => {
  const time = (timeMs: number) => ({ time: new Date(timeMs).toISOString() });
  const forged: Record<string, Record<string, unknown>> = {
    "a time that is a millisecond before its id's": time(hour + 4),
    "a time that is a millisecond after its id's": time(hour + 6),
    "a time as text": { "time@odata.type": "Edm.String" },
    "the token of a managed identity, which no key signed": {
      identityClientId: "aaaaaaaa-0000-4000-8000-000000000009",
    },
  };
  for (const [what, differing] of Object.entries(forged)) {
    test(what, async () => {
      const honest = write(hour + 5);
      write(hour + 5, differing);
      assert.deepEqual(await idsOf(hour, hour + 10), [honest]);
    });
  }

  test("no time", async () => {
    const id = createLedgerId(hour + 5);
    table.put({ PartitionKey: partitionOf(id), RowKey: id, ...key });
    assert.deepEqual(await idsOf(hour, hour + 10), []);
  });

  test("a row key that only begins like an id of that time", async () => {
    const id = write(hour + 5);
    const [{ entity: row } = assert.fail()] = table.rows.values();
    for (const RowKey of [`${id}0`, id.slice(0, -1), `${id.slice(0, 20)}zzzz${id.slice(24)}`]) {
      table.put({ ...row, RowKey });
    }
    assert.deepEqual(await idsOf(hour, hour + 10), [id]);
  });

  test("a key, an instance or an outcome that is not a string counts as missing", async () => {
    write(hour, { keyName: 1, keyVersion: true, instance: 2, outcome: 3, vaultRequestId: 4, identityClientId: 5 });
    const [row] = await reader.rowsBetween(hour, hour + 1);
    const { id: _, ...facts } = row ?? assert.fail();
    assert.deepEqual(facts, { timeMs: hour, keyName: "", keyVersion: "", instance: "" });
  });
});
