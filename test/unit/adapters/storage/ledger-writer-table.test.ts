/**
 * The ledger over a table that refuses, loses answers or hangs: nothing is signed without an intent, and every outcome
 * is written or reported as lost.
 */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { parseLedgerEntity } from "../../../../src/adapters/storage/ledger-entity.ts";
import { createTableLedger } from "../../../../src/adapters/storage/ledger-writer.ts";
import type { LedgerEvent } from "../../../../src/domain/signing/events.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { outcomes, tokenIntent } from "../../../support/fixtures/ledger.ts";
import { errorAnswer, startTableServer, tableCredential } from "../../../support/fixtures/table-server.ts";

const table = await startTableServer("ledger");
after(() => table.stop());
const events: LedgerEvent[] = [];
beforeEach(() => {
  table.reset();
  events.length = 0;
});
const newLedger = () => createTableLedger(table.url, tableCredential, (event) => events.push(event));
const [issued = assert.fail()] = outcomes;

const rowOf = (id: string) => [...table.rows].find(([key]) => key.endsWith(`\n${id}`))?.[1].entity;
/** Gives these answers, one to each request, and then those of the table. */
function answerFirst(...answers: ReturnType<typeof errorAnswer>[]): void {
  table.fault = () => answers.shift();
}
const busy = (headers = {}) => errorAnswer(503, "ServerBusy", headers);

describe("an intent", () => {
  test("is stored when it has been recorded", async () => {
    const intent = tokenIntent(startMs);
    await newLedger().recordIntent(intent);
    const { time, PartitionKey, RowKey, ...columns } = rowOf(intent.id) ?? assert.fail();
    const entity = { ...columns, partitionKey: PartitionKey, rowKey: RowKey, time: new Date(String(time)) };
    assert.deepEqual(parseLedgerEntity(entity), { ok: true, value: { intent } });
    assert.equal(table.requests.length, 1);
  });

  test("is tried once more, a little later", async () => {
    answerFirst(busy());
    const startedMs = performance.now();
    const intent = tokenIntent(startMs);
    await newLedger().recordIntent(intent);
    assert.ok(rowOf(intent.id) && performance.now() - startedMs >= 199);
    assert.equal(table.requests.length, 2);
  });

  test("that storage refuses twice is the fault that the ledger is unavailable, and is not stored", async () => {
    answerFirst(busy(), busy());
    await assert.rejects(newLedger().recordIntent(tokenIntent(startMs)), (error: Error) => {
      assert.equal(error.message, "ledger_unavailable");
      assert.match(JSON.stringify(error), /503/);
      assert.doesNotMatch(JSON.stringify(error), /retryAfterSeconds/);
      return true;
    });
    assert.equal(table.requests.length, 2);
    assert.equal(table.rows.size, 0);
  });

  test("waits for a second if storage asks for it, and no longer: the caller is told how long", async () => {
    answerFirst(busy({ "retry-after": "1" }));
    const startedMs = performance.now();
    await newLedger().recordIntent(tokenIntent(startMs));
    assert.ok(performance.now() - startedMs >= 999);
    table.requests.length = 0;
    answerFirst(busy({ "retry-after": "2" }));
    await assert.rejects(newLedger().recordIntent(tokenIntent(startMs)), (error: Error) => {
      assert.match(JSON.stringify(error), /"retryAfterSeconds":2[,}]/);
      return true;
    });
    assert.equal(table.requests.length, 1);
  });

  test("whose answer was lost is found stored by the second attempt", async () => {
    const intent = tokenIntent(startMs);
    table.fault = ({ text }) => {
      table.put(JSON.parse(text));
      table.fault = undefined;
      return busy();
    };
    await newLedger().recordIntent(intent);
    assert.equal(table.requests.length, 2);
    assert.ok(rowOf(intent.id));
  });

  test("that conflicts with anything but its own row is not stored, and is a fault", async () => {
    table.fault = () => errorAnswer(409, "TableBeingDeleted");
    await assert.rejects(newLedger().recordIntent(tokenIntent(startMs)), { message: "ledger_unavailable" });
  });
});

describe("an outcome", () => {
  test("is added to the row of its intent, and the drain ends when it is written", async () => {
    const [ledger, intent] = [newLedger(), tokenIntent(startMs)];
    await ledger.recordIntent(intent);
    ledger.recordOutcome(intent.id, issued);
    await ledger.drain();
    const row = rowOf(intent.id);
    assert.deepEqual([row?.outcome, row?.callerName], ["issued", "billing"]);
    assert.deepEqual(events, []);
  });

  test("is written in a drain although storage had asked to wait longer", async () => {
    const [ledger, intent] = [newLedger(), tokenIntent(startMs)];
    await ledger.recordIntent(intent);
    const refused = Promise.withResolvers<void>();
    answerFirst(busy({ "retry-after": "3600" }), busy({ "retry-after": "3600" }));
    const answer = table.fault;
    table.fault = (request) => {
      refused.resolve();
      return answer?.(request);
    };
    ledger.recordOutcome(intent.id, issued);
    await refused.promise;
    await ledger.drain();
    assert.equal(rowOf(intent.id)?.outcome, "issued");
    assert.deepEqual(events, []);
  });

  test("whose attempt hangs when a drain begins is written by another attempt", async () => {
    const [ledger, intent] = [newLedger(), tokenIntent(startMs)];
    await ledger.recordIntent(intent);
    const hangs = Promise.withResolvers<void>();
    table.gate = () => {
      table.gate = undefined;
      hangs.resolve();
      return new Promise(() => {});
    };
    ledger.recordOutcome(intent.id, issued);
    await hangs.promise;
    await ledger.drain();
    assert.equal(rowOf(intent.id)?.outcome, "issued");
    assert.deepEqual(events, []);
  });

  test("is waited for by a drain that begins before it, in the time that a drain has", async () => {
    const [ledger, intent] = [newLedger(), tokenIntent(startMs)];
    await ledger.recordIntent(intent);
    const drained = ledger.drain();
    ledger.recordOutcome(intent.id, issued);
    await drained;
    assert.equal(rowOf(intent.id)?.outcome, "issued");
  });

  test("that cannot be written is reported as lost, once, before the platform ends the instance", async () => {
    const [ledger, intent] = [newLedger(), tokenIntent(startMs)];
    await ledger.recordIntent(intent);
    table.fault = () => busy();
    ledger.recordOutcome(intent.id, issued);
    const startedMs = performance.now();
    await ledger.drain();
    assert.ok(performance.now() - startedMs >= 2_290);
    const lost = { event: "ledger_outcome_lost", ledgerId: intent.id, outcome: "issued" };
    assert.deepEqual(events, [{ ...lost, because: "drain_deadline_exceeded" }]);
    await ledger.drain();
    assert.equal(events.length, 1);
  });
});

describe("a drain", () => {
  test("leaves an intent open whose outcome is not known in time, and reports nothing of it", async () => {
    const [ledger, intent] = [newLedger(), tokenIntent(startMs)];
    await ledger.recordIntent(intent);
    await ledger.drain();
    assert.deepEqual(events, []);
    assert.equal(rowOf(intent.id)?.outcome, undefined);
  });

  test("does not wait for an intent that was not stored", async () => {
    const ledger = newLedger();
    table.fault = () => errorAnswer(403, "AuthorizationFailure");
    await assert.rejects(ledger.recordIntent(tokenIntent(startMs)));
    const startedMs = performance.now();
    await ledger.drain();
    assert.ok(performance.now() - startedMs < 1_000);
  });
});

describe("a connection", () => {
  test("is opened with a read of a row that no table has, which changes nothing", async () => {
    await newLedger().connect();
    assert.equal(table.requests.length, 1);
    assert.match(table.requests[0] ?? "", /^GET .*\(PartitionKey='none',RowKey='none'\)/);
  });

  test("that storage refuses is an error", async () => {
    table.fault = () => errorAnswer(403, "AuthorizationFailure");
    await assert.rejects(newLedger().connect(), { statusCode: 403 });
  });

  test("whose credential gives no token is an error", async () => {
    const getToken = async () => Promise.reject(new RangeError("mine"));
    await assert.rejects(createTableLedger(table.url, { getToken }, () => {}).connect(), RangeError);
  });
});
