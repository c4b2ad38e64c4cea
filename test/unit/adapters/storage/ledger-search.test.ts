/** An operator's search of the ledger: complete, in order, and without reading more than it needs. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { DeadlineExceeded } from "../../../../src/adapters/azure/deadline.ts";
import { intentEntity, outcomeEntity } from "../../../../src/adapters/storage/ledger-entity.ts";
import { partitionOf } from "../../../../src/adapters/storage/ledger-partition.ts";
import { createTableLedgerSearch, filterOf } from "../../../../src/adapters/storage/ledger-search.ts";
import { hourMs, type LedgerQuery, queryOfId } from "../../../../src/domain/audit/ledger-search.ts";
import type { SignIntent, SignOutcome } from "../../../../src/domain/signing/ledger.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { exporterObjectId, fabrikamId, unknownClientId } from "../../../support/fixtures/ids.ts";
import { outcomes, pasted, tokenIntent } from "../../../support/fixtures/ledger.ts";
import { errorAnswer, startTableServer, tableCredential } from "../../../support/fixtures/table-server.ts";

const table = await startTableServer("ledger");
after(() => table.stop());
beforeEach(() => table.reset());
const search = createTableLedgerSearch(table.url, tableCredential);

const hour = Date.UTC(2027, 0, 1, 12);
const whole: LedgerQuery = { fromMs: hour - 50_000 * hourMs, toMs: hour + 50_000 * hourMs };
const oneHour: LedgerQuery = { fromMs: hour, toMs: hour + hourMs };

/** Writes the row of an intent at this time, in the JSON form of tables; gives its id. */
function write(timeMs: number, differing: Partial<SignIntent> = {}, outcome?: SignOutcome): string {
  const intent = tokenIntent(timeMs, differing);
  const whole = { ...intentEntity(intent), ...(outcome && outcomeEntity(intent.id, outcome)) };
  const { partitionKey: PartitionKey, rowKey: RowKey, ...columns } = whole;
  const json = Object.entries(columns).flatMap(([name, value]) =>
    value instanceof Date
      ? [
          [`${name}@odata.type`, "Edm.DateTime"],
          [name, value.toISOString()],
        ]
      : [[name, value]],
  );
  table.put({ PartitionKey, RowKey, ...Object.fromEntries(json) });
  return intent.id;
}
const writeMany = (count: number, at: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => write(at(i))).sort();

async function idsOf(query: LedgerQuery): Promise<string[]> {
  const ids: string[] = [];
  for await (const row of search.find(query))
    ids.push(row.ok ? row.value.intent.id : `unreadable ${row.refusal.rowKey}`);
  return ids;
}
/** Requests for rows, and those that look for the next hour that has any. */
const rowReads = () => table.requests.filter((request) => request.includes("RowKey ge "));
const hourReads = () => table.requests.filter((request) => !request.includes("RowKey ge "));

describe("a search", () => {
  test("returns intents with their outcomes, complete, and asks only for the columns of an entry", async () => {
    const expected = outcomes.map((outcome, i) => {
      const intent = tokenIntent(hour + i);
      return { intent: { ...intent, id: write(hour + i, { id: intent.id }, outcome) }, outcome };
    });
    const found: unknown[] = [];
    for await (const row of search.find(oneHour)) found.push(row.ok ? row.value : row.refusal);
    assert.deepEqual(found, expected);
    for (const read of rowReads()) assert.match(read, /\$select=PartitionKey,RowKey,time,purpose,.*tokenSha256/);
    for (const read of hourReads()) assert.match(read, /\$select=PartitionKey,RowKey(&|$)/);
    for (const read of hourReads()) assert.match(read, /\$top=1(&|$)/);
  });

  test("returns rows in order of time, whatever their partition and page, or in the opposite order", async () => {
    table.pageRows = 2;
    const ids = writeMany(150, (i) => hour + ((i * 7_919) % 150) * 100_000);
    assert.deepEqual(await idsOf(whole), ids);
    assert.deepEqual(await idsOf({ ...whole, newestFirst: true }), ids.toReversed());
  });

  test("begins with the first millisecond and ends before the last, in both orders", async () => {
    const [fromMs, toMs] = [hour - 5, hour + hourMs + 5];
    const inside = [fromMs, hour - 1, hour, hour + hourMs - 1, hour + hourMs, toMs - 1].map((timeMs) => write(timeMs));
    for (const timeMs of [fromMs - 1, toMs]) write(timeMs);
    assert.deepEqual(await idsOf({ fromMs, toMs }), inside);
    assert.deepEqual(await idsOf({ fromMs, toMs, newestFirst: true }), inside.toReversed());
  });

  test("of no time asks for nothing", async () => {
    write(hour);
    for (const newestFirst of [false, true]) {
      assert.deepEqual(await idsOf({ fromMs: hour, toMs: hour, newestFirst }), []);
    }
    assert.deepEqual(table.requests, []);
  });

  test("returns as many entries as asked for, from the beginning or the end", async () => {
    const ids = writeMany(10, (i) => hour + i * hourMs);
    assert.deepEqual(await idsOf({ ...whole, limit: 3 }), ids.slice(0, 3));
    assert.deepEqual(await idsOf({ ...whole, limit: 3, newestFirst: true }), ids.slice(-3).reverse());
    assert.deepEqual(await idsOf({ ...whole, limit: 1 }), ids.slice(0, 1));
    assert.deepEqual(await idsOf({ ...whole, limit: 11 }), ids);
    table.requests.length = 0;
    assert.deepEqual(await idsOf({ ...whole, limit: 0 }), []);
    assert.deepEqual(table.requests, []);
  });

  test("reads no hour after the one that completes it", async () => {
    writeMany(4, (i) => hour + i * hourMs);
    await idsOf({ ...whole, limit: 2 });
    assert.equal(hourReads().length, 2);
    assert.equal(rowReads().length, 32);
  });

  test("reads pages as long as the limit, between a hundred and a thousand rows", async () => {
    for (const [limit, rows] of [
      [1, 100],
      [100, 100],
      [101, 101],
      [999, 999],
      [1_001, 1_000],
      [undefined, 1_000],
    ]) {
      table.reset();
      write(hour);
      await idsOf({ ...oneHour, ...(limit && { limit }) });
      assert.equal(rowReads().length, 16);
      for (const read of rowReads()) assert.match(read, new RegExp(`\\$top=${rows}(&|$)`));
    }
  });

  test("reports a row that cannot be read, and does not count it", async () => {
    const id = createLedgerId(hour + 1);
    const first = write(hour);
    table.put({ PartitionKey: partitionOf(id), RowKey: id });
    const last = write(hour + 2);
    assert.deepEqual(await idsOf({ ...oneHour, limit: 2 }), [first, `unreadable ${id}`, last]);
  });
});

describe("hours without rows", () => {
  test("are skipped with one read, in ascending order", async () => {
    const ids = [-40_000, -1, 0, 1, 40_000].map((hours) => write(hour + hours * hourMs));
    assert.deepEqual(await idsOf(whole), ids);
    assert.equal(hourReads().length, 6);
    assert.equal(rowReads().length, 5 * 16);
    table.requests.length = 0;
    assert.deepEqual(await idsOf({ ...whole, toMs: hour + 2 * hourMs }), ids.slice(0, 4));
    assert.equal(hourReads().length, 4, "the last hour ends the range");
  });

  test("are skipped by halving the time, in descending order", async () => {
    const ids = [-40_000, 0, 1].map((hours) => write(hour + hours * hourMs));
    assert.deepEqual(await idsOf({ ...whole, newestFirst: true }), ids.toReversed());
    assert.equal(rowReads().length, 3 * 16);
    assert.ok(hourReads().length < 60, `${hourReads().length}`);
    table.requests.length = 0;
    assert.deepEqual(await idsOf({ fromMs: hour, toMs: hour + 4 * hourMs, newestFirst: true }), ids.slice(1).reverse());
    // All four hours, the last two, the first two, the second, and the first.
    assert.equal(hourReads().length, 5);
  });

  test("do not end at a partition that Keyhold does not write, nor at an empty page", async () => {
    const ids = [write(hour - 9 * hourMs), write(hour)];
    for (const name of ["2027-01-01T04", "2027-01-01T05_g", "2027-01-01T05_00", "2027-01-01T0x_0"]) {
      table.put({ PartitionKey: name, RowKey: "x" });
    }
    assert.deepEqual(await idsOf(whole), ids);
    assert.deepEqual(await idsOf({ ...whole, newestFirst: true }), ids.toReversed());
    table.fault = ({ url }) => {
      const isFirst = url.searchParams.get("$top") === "1" && !url.searchParams.has("NextRowKey");
      const next = { "x-ms-continuation-nextpartitionkey": "2", "x-ms-continuation-nextrowkey": "0" };
      return isFirst ? { status: 200, headers: next, body: '{"value":[]}' } : undefined;
    };
    assert.deepEqual(await idsOf({ ...whole, limit: 2 }), ids);
  });
});

describe("newest first, an hour", () => {
  test("with as many rows as are held at once is read once, and with one more it is divided", async () => {
    const ids = writeMany(4_000, (i) => hour + i * 800);
    assert.deepEqual(await idsOf({ ...oneHour, newestFirst: true }), ids.toReversed());
    assert.equal(rowReads().length, 16);
    ids.push(write(hour + hourMs - 1));
    table.requests.length = 0;
    assert.deepEqual(await idsOf({ ...oneHour, newestFirst: true }), ids.toReversed());
    assert.equal(rowReads().length, 3 * 16, "the whole, and two halves");
    const middle = (hour + hourMs / 2).toString(16).padStart(12, "0");
    const middleKey = `${middle.slice(0, 8)}-${middle.slice(8)}`;
    assert.ok(rowReads()[16]?.includes(`RowKey ge '${middleKey}'`), "the later half first");
    assert.ok(rowReads()[32]?.includes(`RowKey lt '${middleKey}'`));
  });

  test("is divided down to a millisecond, whose rows are held however many they are", async () => {
    const ids = writeMany(4_002, () => hour + 1);
    ids.unshift(write(hour));
    const query = { fromMs: hour, toMs: hour + 2, newestFirst: true };
    assert.deepEqual(await idsOf(query), ids.toReversed());
    assert.equal(rowReads().length, 3 * 16);
  });
});

describe("a condition", () => {
  const conditions: [query: Partial<LedgerQuery>, differing: Partial<SignIntent>, filter: string][] = [
    [
      { callerObjectId: exporterObjectId },
      { callerObjectId: exporterObjectId },
      `callerObjectId eq '${exporterObjectId}'`,
    ],
    [{ tenantId: fabrikamId }, { tenantId: fabrikamId }, `tenantId eq '${fabrikamId}'`],
    [{ clientId: unknownClientId }, { clientId: unknownClientId }, `clientId eq '${unknownClientId}'`],
    [{ purpose: "assertion" }, { purpose: "assertion" }, "purpose eq 'assertion'"],
  ];
  for (const [query, differing, filter] of conditions) {
    test(`finds its rows only, and storage sends no other: ${filter.split(" ")[0]}`, async () => {
      const id = write(hour, differing);
      write(hour + 1);
      assert.deepEqual(await idsOf({ ...oneHour, ...query }), [id]);
      for (const read of rowReads()) assert.ok(read.includes(` and ${filter}`), read);
    });
  }

  test("of an outcome finds its rows only, and storage sends no other", async () => {
    const [issued = assert.fail(), handedOut] = outcomes;
    const ids = [write(hour, {}, issued), write(hour + 1, {}, handedOut), write(hour + 2)];
    assert.deepEqual(await idsOf({ ...oneHour, outcome: "issued" }), ids.slice(0, 1));
    for (const read of rowReads()) assert.ok(read.includes(" and outcome eq 'issued'"), read);
    assert.deepEqual(await idsOf({ ...oneHour, outcome: "open" }), ids.slice(2));
  });

  test("is escaped, and joined to the others", () => {
    const value = "' or PartitionKey ne '";
    const filter = filterOf("p", { ...oneHour, tenantId: pasted(value), purpose: "token", outcome: "open" });
    const [keys, ...conditions] = filter.split(/ and (?=tenantId|purpose|outcome)/);
    assert.match(
      keys ?? "",
      /^PartitionKey eq 'p' and RowKey ge '[0-9a-f]{8}-[0-9a-f]{4}' and RowKey lt '[0-9a-f-]{13}'$/,
    );
    assert.deepEqual(conditions, ["tenantId eq ''' or PartitionKey ne '''", "purpose eq 'token'"]);
  });
});

describe("an id", () => {
  test("is read in one request, and must fit the other conditions", async () => {
    const id = pasted(write(hour));
    write(hour);
    assert.deepEqual(await idsOf(queryOfId(id)), [id]);
    assert.equal(table.requests.length, 1);
    assert.deepEqual(await idsOf({ ...queryOfId(id), tenantId: fabrikamId }), []);
  });

  test("that no row has finds nothing, but a table that does not exist is a fault", async () => {
    assert.deepEqual(await idsOf(queryOfId(createLedgerId(hour))), []);
    table.fault = () => errorAnswer(404, "TableNotFound");
    await assert.rejects(idsOf(queryOfId(createLedgerId(hour))), { code: "ledger_unavailable" });
  });
});

describe("a search that fails", () => {
  test("because storage refuses is the fault that the ledger is unavailable, with a reason", async () => {
    table.fault = () => errorAnswer(403, "AuthorizationFailure");
    await assert.rejects(idsOf(whole), (error: Error & { code?: string; details?: unknown }) => {
      assert.equal(error.code, "ledger_unavailable");
      assert.match(JSON.stringify(error), /403/);
      return true;
    });
  });

  test("in the middle returns what it has found before", async () => {
    const id = write(hour);
    write(hour + 5 * hourMs);
    table.fault = ({ url }) => (url.search.includes("2027-01-01T17_") ? { status: 403 } : undefined);
    const found: string[] = [];
    const run = async () => {
      for await (const row of search.find(whole)) if (row.ok) found.push(row.value.intent.id);
    };
    await assert.rejects(run, { code: "ledger_unavailable" });
    assert.deepEqual(found, [id]);
  });

  test("because of the credential keeps its error, and a deadline is the ledger's fault", async () => {
    const failing = (error: Error) => createTableLedgerSearch(table.url, { getToken: () => Promise.reject(error) });
    await assert.rejects(failing(new RangeError("mine")).find(whole)[Symbol.asyncIterator]().next(), RangeError);
    const late = failing(new DeadlineExceeded()).find(whole)[Symbol.asyncIterator]().next();
    await assert.rejects(late, { code: "ledger_unavailable" });
  });
});
