import assert from "node:assert/strict";
import { test } from "node:test";
import { intentEntity, outcomeEntity } from "../../src/adapters/storage/ledger-entity.ts";
import { ledgerPartitions, partitionOf } from "../../src/adapters/storage/ledger-partition.ts";
import { createTableLedgerReader } from "../../src/adapters/storage/ledger-reader.ts";
import { createTableLedgerRetention } from "../../src/adapters/storage/ledger-retention.ts";
import { createTableLedgerSearch, filterOf } from "../../src/adapters/storage/ledger-search.ts";
import {
  hourMs,
  type LedgerQuery,
  matchesQuery,
  queryOfId,
  type UnreadableRow,
} from "../../src/domain/audit/ledger-search.ts";
import { Fault } from "../../src/domain/shared/fault.ts";
import type { LedgerEntry, SignIntent } from "../../src/domain/signing/ledger.ts";
import { createLedgerId } from "../../src/domain/signing/ledger-id.ts";
import { exporterObjectId, fabrikamId, unknownClientId } from "../support/fixtures/ids.ts";
import { outcomes, pasted, tokenIntent } from "../support/fixtures/ledger.ts";
import { ledgerAccess } from "../support/ledger-access.ts";
import { testStack } from "../support/test-stack.ts";

/** The search on the real table, with months between hours that have rows. */
const stack = await testStack({ startFunctions: false });
const { url, credential } = await ledgerAccess(stack);
const search = createTableLedgerSearch(url, credential);

const firstMs = Date.UTC(2026, 0, 31, 22, 59, 59, 999);
const entries: LedgerEntry[] = Array.from({ length: 400 }, (_, i) => {
  // Three hours in a row, and one of half a year later; some in the same millisecond.
  const timeMs = firstMs + (i < 300 ? Math.floor(i / 2) * 60_000 : 180 * 24 * hourMs + i);
  const intent: SignIntent = tokenIntent(timeMs, {
    ...(i % 5 === 0 ? { callerObjectId: exporterObjectId, callerName: "exporter" } : {}),
    ...(i % 7 === 0 ? { tenantId: fabrikamId } : {}),
    ...(i % 11 === 0 ? { clientId: unknownClientId } : {}),
    ...(i % 3 === 0 ? { purpose: "assertion" as const } : {}),
  });
  const outcome = outcomes[i % (outcomes.length + 1)];
  return outcome ? { intent, outcome } : { intent };
});
entries.sort((a, b) => (a.intent.id < b.intent.id ? -1 : 1));
for (let i = 0; i < entries.length; i += 25) {
  await Promise.all(
    entries.slice(i, i + 25).map(({ intent, outcome }) =>
      stack.storage.ledger.createEntity({
        ...intentEntity(intent),
        ...(outcome ? outcomeEntity(intent.id, outcome) : {}),
      }),
    ),
  );
}

const whole: LedgerQuery = { fromMs: 0, toMs: Date.UTC(9000, 0) };

async function read(query: LedgerQuery): Promise<{ found: LedgerEntry[]; unreadable: UnreadableRow[] }> {
  const found: LedgerEntry[] = [];
  const unreadable: UnreadableRow[] = [];
  for await (const row of search.find(query)) {
    if (row.ok) found.push(row.value);
    else unreadable.push(row.refusal);
  }
  return { found, unreadable };
}

async function find(query: LedgerQuery): Promise<LedgerEntry[]> {
  const { found, unreadable } = await read(query);
  assert.deepEqual(unreadable, []);
  return found;
}

/** How many requests to the table it takes. */
async function requestsOf(work: () => Promise<unknown>): Promise<number> {
  const counter = { operation: "QueryEntities", times: 1_000_000, delayMs: 0 };
  stack.storage.behaviour.faults = [counter];
  await work();
  stack.storage.behaviour.faults = [];
  return 1_000_000 - counter.times;
}

test("all entries are returned in order of time, with every member as written", async () => {
  assert.deepEqual(await find(whole), entries);
});

test("newest first returns the same in reverse order", async () => {
  assert.deepEqual(await find({ ...whole, newestFirst: true }), entries.toReversed());
});

const [first, , third] = entries;
const last = entries.at(-1);
assert.ok(first && third && last);
const conditions: [string, Partial<LedgerQuery>][] = [
  ["time", { fromMs: first.intent.timeMs + 1, toMs: last.intent.timeMs }],
  ["caller", { callerObjectId: exporterObjectId }],
  ["tenant", { tenantId: fabrikamId }],
  ["client", { clientId: unknownClientId }],
  ["purpose", { purpose: "assertion" }],
  ["outcome", { outcome: "rejected" }],
  ["open intents", { outcome: "open" }],
  ["id", queryOfId(third.intent.id)],
  ["caller, tenant and time", { callerObjectId: exporterObjectId, tenantId: fabrikamId, toMs: firstMs + 2 * hourMs }],
];
for (const [what, condition] of conditions) {
  test(`a query by ${what} finds exactly the matching entries of the whole ledger, in both orders`, async () => {
    const query = { ...whole, ...condition };
    const expected = entries.filter((entry) => matchesQuery(query, entry));
    assert.ok(expected.length > 0 && expected.length < entries.length);
    assert.deepEqual(await find(query), expected);
    assert.deepEqual(await find({ ...query, newestFirst: true }), expected.toReversed());
  });
}

test("a limit ends the reading, in both orders", async () => {
  assert.deepEqual(await find({ ...whole, limit: 3 }), entries.slice(0, 3));
  assert.deepEqual(await find({ ...whole, limit: 3, newestFirst: true }), entries.slice(-3).toReversed());
  assert.deepEqual(await find({ ...whole, limit: 0 }), []);
});

test("nothing is read before it is requested: one entry costs a probe and one hour, an id one request", async () => {
  assert.equal(await requestsOf(async () => search.find(whole)), 0);
  assert.equal(await requestsOf(() => find({ ...whole, limit: 1 })), 1 + 16);
  assert.equal(await requestsOf(() => find(queryOfId(last.intent.id))), 1);
});

test("months without rows cost one request", async () => {
  const empty = { fromMs: Date.UTC(2026, 2, 1), toMs: Date.UTC(2026, 6, 1) };
  for (const newestFirst of [false, true]) {
    assert.equal(await requestsOf(() => find({ ...empty, newestFirst })), 1);
  }
});

test("a range that ends before it begins finds nothing", async () => {
  assert.deepEqual(await find({ fromMs: firstMs + hourMs, toMs: firstMs }), []);
  assert.deepEqual(await find({ fromMs: firstMs + hourMs, toMs: firstMs, newestFirst: true }), []);
});

test("an unknown id is not found", async () => {
  assert.deepEqual(await find(queryOfId(createLedgerId(firstMs))), []);
});

const rowsOf = async (filter: string) => {
  const rows: unknown[] = [];
  for await (const row of stack.storage.ledger.listEntities({ queryOptions: { filter } })) rows.push(row);
  return rows;
};
const [partition = ""] = ledgerPartitions(firstMs);
const everything = "x' or PartitionKey ne '";

test("(a hand-written filter with a hostile value finds rows, so the next test could fail)", async () => {
  assert.equal((await rowsOf(`PartitionKey eq '${partition}' and tenantId eq '${everything}'`)).length, entries.length);
});

for (const text of [everything, "' or true or '", "''", "') or (1 eq 1", "\\' or 1 eq 1", "%27 or 1 eq 1"]) {
  test(`storage finds nothing for a hostile value: ${text}`, async () => {
    for (const field of ["callerObjectId", "tenantId", "clientId", "purpose", "outcome"] as const) {
      assert.deepEqual(await rowsOf(filterOf(partition, { ...whole, [field]: pasted(text) })), [], field);
    }
  });
}

test("foreign rows are reported at their place, and hide no other rows", async () => {
  const id = createLedgerId(firstMs + 90_000);
  const rows = [
    { partitionKey: partitionOf(id), rowKey: id, note: "not a row of Keyhold" },
    { ...intentEntity(tokenIntent(firstMs + 30_000, { callerName: "\u001b[2J" })) },
    { partitionKey: "2026-01-31T2", rowKey: "partition of no hour" },
    { partitionKey: "2026-01-31Tzz", rowKey: "partition of no hour" },
  ];
  for (const row of rows) await stack.storage.ledger.createEntity(row);
  for (const newestFirst of [false, true]) {
    const { found, unreadable } = await read({ ...whole, newestFirst });
    assert.deepEqual(found, newestFirst ? entries.toReversed() : entries);
    const named = unreadable.map(({ rowKey, properties }) => [rowKey === id, properties.includes("time")]);
    const [bare, hostile] = [
      [true, true],
      [false, false],
    ];
    assert.deepEqual(named, newestFirst ? [bare, hostile] : [hostile, bare]);
  }
  const audited = await createTableLedgerReader(url, credential).rowsBetween(firstMs, firstMs + 3 * hourMs);
  assert.ok(!audited.some((row) => row.id === id), "the audit lets it explain nothing");
  assert.equal(audited.length, 301, "but takes a row for what it is, whatever a name in it says");
  for (const { partitionKey, rowKey } of rows) await stack.storage.ledger.deleteEntity(partitionKey, rowKey);
});

test("an hour with more rows than fit in memory is reversed in parts", async () => {
  const hour = Date.UTC(2027, 5, 1, 12);
  const ids = Array.from({ length: 4_500 }, (_, i) => createLedgerId(hour + Math.floor(i / 3) * 2_000));
  for (let i = 0; i < ids.length; i += 100) {
    const rows = ids.slice(i, i + 100).map((id) => intentEntity({ ...first.intent, id, timeMs: 0 }));
    await Promise.all(rows.map((row) => stack.storage.ledger.createEntity(row)));
  }
  const query = { fromMs: hour, toMs: hour + hourMs, newestFirst: true };
  const keys: string[] = [];
  for await (const row of search.find(query)) if (!row.ok) keys.push(row.refusal.rowKey);
  assert.deepEqual(keys, ids.toSorted().toReversed());
});

test("storage that does not answer is a fault, even in the middle, and never the end of the entries", async () => {
  const found: LedgerEntry[] = [];
  const reading = async () => {
    for await (const row of search.find(whole)) {
      if (row.ok) found.push(row.value);
      stack.storage.behaviour.faults = [{ status: 403 }];
    }
  };
  const isUnavailable = (error: unknown) => error instanceof Fault && error.code === "ledger_unavailable";
  await assert.rejects(reading, isUnavailable);
  assert.ok(found.length > 0 && found.length < entries.length);
  await assert.rejects(find(queryOfId(first.intent.id)), isUnavailable);
  stack.storage.behaviour.faults = [];
});

test("a missing table is a fault, and not an empty ledger", async () => {
  const missing = createTableLedgerSearch(new URL("/nosuchtable", url).href, credential);
  for (const query of [whole, queryOfId(first.intent.id)]) {
    await assert.rejects(
      async () => {
        for await (const _ of missing.find(query));
      },
      (error: unknown) => error instanceof Fault && error.code === "ledger_unavailable",
    );
  }
});

test("two runs that delete the same old rows at once both succeed, and the rows are gone", async () => {
  for (let i = 0; i < 40; i++) {
    await stack.storage.ledger.createEntity({ partitionKey: "2020-01-01T10_a", rowKey: `old-${i}` });
  }
  const { expire } = createTableLedgerRetention(url, credential);
  const expired = await Promise.all([expire(firstMs - hourMs), expire(firstMs - hourMs)]);
  assert.ok(Math.max(...expired) === 40);
  assert.equal(await expire(firstMs - hourMs), 0);
});
