/** Old rows of the ledger are deleted, and only old ones: a row that is deleted too early can never be shown again. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { partitionOf } from "../../../../src/adapters/storage/ledger-partition.ts";
import { createTableLedgerRetention } from "../../../../src/adapters/storage/ledger-retention.ts";
import { hourMs } from "../../../../src/domain/audit/ledger-search.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { errorAnswer, startTableServer, tableCredential } from "../../../support/fixtures/table-server.ts";

const table = await startTableServer("ledger");
after(() => table.stop());
beforeEach(() => table.reset());
const retention = createTableLedgerRetention(table.url, tableCredential);

const hour = Date.UTC(2027, 0, 1, 12);
function write(timeMs: number): string {
  const id = createLedgerId(timeMs);
  table.put({ PartitionKey: partitionOf(id), RowKey: id, callerName: "billing" });
  return id;
}
const writeMany = (count: number) => Array.from({ length: count }, (_, i) => write(hour - hourMs + i));
const remaining = () => [...table.rows.keys()].map((key) => key.split("\n")[1]).sort();

describe("rows of hours before the retention time", () => {
  test("are deleted and counted, and those of its hour and later stay", async () => {
    for (const timeMs of [0, hour - 400 * 24 * hourMs, hour - hourMs, hour - 1]) write(timeMs);
    const kept = [hour, hour + 1, hour + hourMs - 1, hour + hourMs].map(write).sort();
    assert.equal(await retention.expire(hour + hourMs - 1), 4);
    assert.deepEqual(remaining(), kept);
    assert.equal(await retention.expire(hour), 0);
    assert.equal(await retention.expire(hour + hourMs), 3, "the hour is over");
  });

  test("are found over many pages, without their content", async () => {
    table.pageRows = 7;
    writeMany(50);
    assert.equal(await retention.expire(hour), 50);
    assert.deepEqual(remaining(), []);
    const pages = table.requests.filter((request) => request.startsWith("GET "));
    assert.equal(pages.length, 8);
    for (const page of pages) assert.match(page, /\$select=PartitionKey,RowKey(&|$)/);
  });

  test("are deleted up to two thousand in one run, the oldest hours first, and the others in the next", async () => {
    writeMany(1_950);
    const oldest = Array.from({ length: 60 }, (_, i) => write(hour - 9 * hourMs + i));
    assert.equal(await retention.expire(hour), 2_000);
    const left = remaining();
    assert.equal(left.length, 10);
    assert.ok(oldest.every((id) => !left.includes(id)));
    assert.equal(await retention.expire(hour), 10);
    assert.deepEqual(remaining(), []);
  });

  test("are deleted twenty at a time", async () => {
    writeMany(45);
    const counts: number[] = [];
    let waiting: (() => void)[] = [];
    // Answers twenty deletions at once, or as many as are left: fewer would never be answered.
    table.gate = () =>
      new Promise((resolve) => {
        if (table.requests.at(-1)?.startsWith("GET ")) return resolve();
        waiting.push(resolve);
        if (waiting.length < Math.min(20, table.rows.size)) return;
        counts.push(waiting.length);
        for (const answer of waiting) answer();
        waiting = [];
      });
    assert.equal(await retention.expire(hour), 45);
    assert.deepEqual(counts, [20, 20, 5]);
  });
});

describe("a row that cannot be deleted", () => {
  test("because another instance has deleted it does not stop the run", async () => {
    writeMany(3);
    table.fault = ({ method }) => {
      if (method === "DELETE") table.rows.delete([...table.rows.keys()][0] ?? "");
      return method === "DELETE" ? errorAnswer(404, "ResourceNotFound") : undefined;
    };
    assert.equal(await retention.expire(hour), 3);
  });

  test("for any other reason is an error", async () => {
    writeMany(1);
    table.fault = ({ method }) => (method === "DELETE" ? errorAnswer(403, "AuthorizationFailure") : undefined);
    await assert.rejects(retention.expire(hour), { statusCode: 403 });
  });

  test("because the credential gives no token is an error", async () => {
    const failing = createTableLedgerRetention(table.url, { getToken: async () => Promise.reject(new RangeError()) });
    await assert.rejects(failing.expire(hour), RangeError);
  });
});
