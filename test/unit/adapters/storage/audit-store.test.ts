/** The stored state of the audit, over a table: several instances write it, and none may undo what another has done. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { createTableAuditStore } from "../../../../src/adapters/storage/audit-store.ts";
import type { Finding } from "../../../../src/domain/audit/findings.ts";
import type { JudgedWindow } from "../../../../src/domain/audit/sign-rate.ts";
import type { AuditState, WindowLook } from "../../../../src/domain/audit/windows.ts";
import { errorAnswer, startTableServer, tableCredential } from "../../../support/fixtures/table-server.ts";

const table = await startTableServer("audit");
after(() => table.stop());
beforeEach(() => table.reset());
const store = createTableAuditStore(table.url, tableCredential);

const windowMs = 300_000;
/** The last window of a month. */
const lastMs = Date.UTC(2027, 0, 31, 23, 55);
const state: AuditState = { watermarkMs: lastMs, arrivalsToMs: lastMs + 5 };
const look = (fromMs: number): WindowLook => {
  return { fromMs, lookedMs: fromMs + 1, rows: 3, isPending: true, carry: { k: [] }, covered: ["a 1"] };
};
const finding = (id: string, more: Partial<Finding> = {}): Finding => {
  return { id, kind: "missing_record", severity: 1, timeMs: lastMs + 7, requestId: "r", ...more };
};

describe("the state", () => {
  test("does not exist at first, and is then read as saved", async () => {
    assert.equal(await store.loadState(), undefined);
    const saved = await store.saveState(state, undefined);
    assert.ok(saved !== "conflict" && saved.etag !== "");
    assert.deepEqual(await store.loadState(), { state, etag: saved.etag });
  });

  test("is saved by one of two runs that begin at once, and by one of two that continue", async () => {
    const first = await store.saveState(state, undefined);
    assert.ok(first !== "conflict");
    assert.equal(await store.saveState({ watermarkMs: 1, arrivalsToMs: 1 }, undefined), "conflict");
    const second = await store.saveState({ ...state, arrivalsToMs: 9 }, first.etag);
    assert.ok(second !== "conflict" && second.etag !== first.etag);
    assert.equal(await store.saveState({ watermarkMs: 1, arrivalsToMs: 1 }, first.etag), "conflict");
    assert.deepEqual(await store.loadState(), { state: { ...state, arrivalsToMs: 9 }, etag: second.etag });
  });

  test("of version 0.1 keeps its windows to be looked at again, and is readable for that version", async () => {
    const json = JSON.stringify({ ...state, revisit: [lastMs, lastMs + windowMs] });
    table.put({ PartitionKey: "state", RowKey: "audit", json });
    const loaded = await store.loadState();
    assert.deepEqual(loaded?.state, state);
    assert.deepEqual(
      (await store.revisits(10)).map(({ fromMs }) => fromMs),
      [lastMs, lastMs + windowMs],
    );
    await store.saveState(state, loaded?.etag);
    const { entity } = table.rows.get("state\naudit") ?? assert.fail();
    assert.deepEqual(JSON.parse(String(entity.json)), { ...state, revisit: [] });
  });

  test("that storage refuses to read or write is an error, and not a conflict", async () => {
    table.fault = () => errorAnswer(403, "AuthorizationFailure");
    await assert.rejects(store.loadState(), { statusCode: 403 });
    await assert.rejects(store.saveState(state, undefined), { statusCode: 403 });
    await assert.rejects(store.saveState(state, "etag"), { statusCode: 403 });
  });
});

describe("looks", () => {
  test("are found by the start of their window, across months too", async () => {
    const starts = [-2, -1, 0, 1, 2].map((i) => lastMs + i * windowMs);
    for (const fromMs of starts) await store.putLook(look(fromMs));
    const found = await store.looks(lastMs - windowMs, lastMs + 2 * windowMs);
    assert.deepEqual(
      [...found],
      starts.slice(1, 4).map((fromMs) => [fromMs, look(fromMs)]),
    );
    assert.deepEqual([...(await store.looks(lastMs, lastMs + 1)).keys()], [lastMs]);
    assert.deepEqual([...(await store.looks(lastMs - 40 * 86_400_000, lastMs)).keys()], starts.slice(0, 2));
  });

  test("replace the previous look", async () => {
    await store.putLook(look(lastMs));
    const later = { ...look(lastMs), rows: 4, covered: [] };
    await store.putLook(later);
    assert.deepEqual((await store.looks(lastMs, lastMs + 1)).get(lastMs), later);
  });
});

describe("windows to be looked at again", () => {
  test("are returned oldest first, up to a limit, in any pages of the table", async () => {
    await store.addRevisits([3_000, 200, 10_000]);
    assert.deepEqual(
      (await store.revisits(2)).map(({ fromMs }) => fromMs),
      [200, 3_000],
    );
    assert.equal((await store.revisits(10)).length, 3);
    table.pageRows = 0;
    table.fault = ({ url }) => {
      if (url.searchParams.has("NextRowKey")) return undefined;
      table.pageRows = 1_000;
      const next = { "x-ms-continuation-nextpartitionkey": "revisit", "x-ms-continuation-nextrowkey": "0" };
      return { status: 200, headers: next, body: '{"value":[]}' };
    };
    assert.equal((await store.revisits(10)).length, 3, "behind an empty page");
  });

  test("are empty if none was requested, and requesting none writes nothing", async () => {
    await store.addRevisits([]);
    assert.deepEqual(table.requests, []);
    assert.deepEqual(await store.revisits(10), []);
  });

  test("are written a hundred at a time, the limit of a transaction", async () => {
    const starts = Array.from({ length: 250 }, (_, i) => i * windowMs);
    await store.addRevisits(starts);
    assert.equal(table.requests.filter((request) => request === "POST /$batch").length, 3);
    assert.deepEqual(
      (await store.revisits(1_000)).map(({ fromMs }) => fromMs),
      starts,
    );
  });

  test("are removed only if none was requested meanwhile, and by the first one that removes them", async () => {
    await store.addRevisits([200]);
    const [before = assert.fail()] = await store.revisits(1);
    await store.addRevisits([200]);
    await store.removeRevisit(before);
    const [again = assert.fail()] = await store.revisits(1);
    await store.removeRevisit(again);
    await store.removeRevisit(again);
    assert.deepEqual(await store.revisits(1), []);
    table.fault = () => errorAnswer(403, "AuthorizationFailure");
    await assert.rejects(store.removeRevisit(again), { statusCode: 403 });
  });
});

describe("findings", () => {
  const ids = (findings: Finding[]) => findings.map(({ id }) => id).sort();

  test("are stored by window and id, and a resolved one stays in the table", async () => {
    await store.putFindings(lastMs, [finding("a"), finding("b")], []);
    await store.putFindings(lastMs + windowMs, [finding("c")], []);
    assert.deepEqual(await store.findingsOf(lastMs), [finding("a"), finding("b")]);
    await store.putFindings(lastMs, [finding("b", { severity: 0 })], [finding("a")]);
    assert.deepEqual(await store.findingsOf(lastMs), [finding("b", { severity: 0 })]);
    const { entity } = table.rows.get(`finding_${new Date(lastMs).toISOString()}\na`) ?? assert.fail();
    const { kind, severity, time, resolved, json } = entity;
    assert.deepEqual([kind, severity, resolved, JSON.parse(String(json))], ["missing_record", 1, true, finding("a")]);
    assert.equal(Date.parse(String(time)), lastMs + 7, "for whoever reads the table");
  });

  test("that are open are found from a window on, with their window and whether their note was reported", async () => {
    await store.putFindings(lastMs - windowMs, [finding("old")], []);
    await store.putFindings(lastMs, [finding("a"), finding("b")], [finding("resolved")]);
    await store.putLook(look(lastMs));
    await store.addRevisits([lastMs]);
    const of = (one: Finding, isNoted: boolean) => ({ windowFromMs: lastMs, finding: one, isNoted });
    assert.deepEqual(await store.openFindings(lastMs), [of(finding("a"), false), of(finding("b"), false)]);
    await store.markNoted([of(finding("b"), false)]);
    assert.deepEqual(await store.openFindings(lastMs), [of(finding("a"), false), of(finding("b"), true)]);
    assert.deepEqual(ids((await store.openFindings(0)).map((open) => open.finding)), ["a", "b", "old"]);
  });

  test("that are written again are open again, and their note is reported again", async () => {
    await store.putFindings(lastMs, [finding("a")], []);
    const [open = assert.fail()] = await store.openFindings(lastMs);
    await store.markNoted([open]);
    await store.putFindings(lastMs, [finding("a", { count: 2 })], []);
    assert.deepEqual(await store.openFindings(lastMs), [{ ...open, finding: finding("a", { count: 2 }) }]);
  });
});

describe("rates", () => {
  /** `windowsSince` reads up to the present month. */
  const nowMs = Math.floor(Date.now() / windowMs) * windowMs;
  const judged = (startMs: number, signs: number): JudgedWindow => {
    const band = { low: 0, median: 1, high: 9, quietest: 0, busiest: 1, spread: 0, basis: "history" as const };
    return { startMs, signs, verdict: "normal", band };
  };

  test("are stored by key, and found from a window on, across months", async () => {
    const monthsAgoMs = nowMs - 50 * 86_400_000;
    for (const [key, startMs, signs] of [
      ["token-signing", monthsAgoMs - windowMs, 1],
      ["token-signing", monthsAgoMs, 2],
      ["token-signing", nowMs, 3],
      ["publisher", nowMs, 4],
    ] as const) {
      await store.putWindow(key, judged(startMs, signs));
    }
    const found = await store.windowsSince(monthsAgoMs);
    assert.deepEqual([...found.keys()].sort(), ["publisher", "token-signing"]);
    assert.deepEqual([...(found.get("token-signing")?.values() ?? [])], [judged(monthsAgoMs, 2), judged(nowMs, 3)]);
    assert.deepEqual(found.get("publisher")?.get(nowMs), judged(nowMs, 4));
  });

  test("replace the previous count, and show count and verdict to a reader of the table", async () => {
    await store.putWindow("token-signing", judged(nowMs, 3));
    await store.putWindow("token-signing", { ...judged(nowMs, 5), verdict: "above" });
    const found = await store.windowsSince(nowMs);
    assert.equal(found.get("token-signing")?.get(nowMs)?.signs, 5);
    const [{ entity } = assert.fail()] = table.rows.values();
    assert.deepEqual([entity.keyName, entity.signs, entity.verdict], ["token-signing", 5, "above"]);
  });
});
