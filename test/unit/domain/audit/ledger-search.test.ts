import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  hourMs,
  hoursOf,
  type LedgerQuery,
  matchesQuery,
  queryOfId,
} from "../../../../src/domain/audit/ledger-search.ts";
import type { LedgerEntry } from "../../../../src/domain/signing/ledger.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { exporterObjectId, fabrikamId, unknownClientId } from "../../../support/fixtures/ids.ts";
import { outcomes, tokenIntent } from "../../../support/fixtures/ledger.ts";

const [issued] = outcomes;
assert.ok(issued);
const intent = tokenIntent(startMs);
const entry: LedgerEntry = { intent, outcome: issued };
const { id, callerObjectId, clientId, tenantId, purpose } = intent;
assert.ok(callerObjectId && clientId && tenantId);
const exact: LedgerQuery = {
  ...{ fromMs: startMs, toMs: startMs + 1 },
  ...{ id, callerObjectId, clientId, tenantId, purpose, outcome: "issued" },
};

describe("a query of the ledger", () => {
  test("finds an entry that matches every condition", () => {
    assert.ok(matchesQuery(exact, entry));
    assert.ok(matchesQuery({ fromMs: 0, toMs: startMs + 1 }, entry));
  });

  const differing: [string, Partial<LedgerQuery>][] = [
    ["an earlier time", { fromMs: startMs - 1, toMs: startMs }],
    ["a later time", { fromMs: startMs + 1, toMs: startMs + 2 }],
    ["another id", { id: tokenIntent(startMs).id }],
    ["another caller", { callerObjectId: exporterObjectId }],
    ["another tenant", { tenantId: fabrikamId }],
    ["another client", { clientId: unknownClientId }],
    ["another purpose", { purpose: "assertion" }],
    ["another outcome", { outcome: "rejected" }],
    ["an open intent", { outcome: "open" }],
  ];
  for (const [what, difference] of differing) {
    test(`does not find it when it asks for ${what}`, () => {
      assert.ok(!matchesQuery({ ...exact, ...difference }, entry));
    });
  }

  test("finds an entry without outcome as open, and not with any other outcome", () => {
    assert.ok(matchesQuery({ ...exact, outcome: "open" }, { intent }));
    assert.ok(!matchesQuery(exact, { intent }));
  });

  test("for a caller does not find a publication, which has no caller", () => {
    const { callerObjectId: _, ...publication } = intent;
    assert.ok(!matchesQuery({ fromMs: startMs, toMs: startMs + 1, callerObjectId }, { intent: publication }));
  });

  test("by id searches only the millisecond that the id contains", () => {
    assert.deepEqual(queryOfId(id), { id, fromMs: startMs, toMs: startMs + 1 });
    assert.ok(matchesQuery(queryOfId(id), entry));
  });
});

describe("the hours of a query", () => {
  const hour = Math.floor(startMs / hourMs) * hourMs;

  test("include its first and last millisecond, and no further hour", () => {
    assert.deepEqual(hoursOf({ fromMs: hour, toMs: hour + 1 }), { fromMs: hour, toMs: hour + hourMs });
    assert.deepEqual(hoursOf({ fromMs: hour + 5, toMs: hour + hourMs }), { fromMs: hour, toMs: hour + hourMs });
    assert.deepEqual(hoursOf({ fromMs: hour - 1, toMs: hour + hourMs + 1 }), {
      fromMs: hour - hourMs,
      toMs: hour + 2 * hourMs,
    });
  });

  test("exist for any time from 1970 to the end of 9999", () => {
    const endMs = Date.UTC(9999, 11, 31);
    assert.deepEqual(hoursOf({ fromMs: 0, toMs: 1 }), { fromMs: 0, toMs: hourMs });
    assert.deepEqual(hoursOf({ fromMs: 0, toMs: endMs }), { fromMs: 0, toMs: endMs });
    assert.throws(() => hoursOf({ fromMs: 0, toMs: endMs + 1 }), RangeError);
  });

  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 0.5]) {
    test(`are refused if only the beginning or only the end is invalid: ${time}`, () => {
      assert.throws(() => hoursOf({ fromMs: time, toMs: hour }), RangeError);
      assert.throws(() => hoursOf({ fromMs: 0, toMs: time }), RangeError);
    });
  }

  test("are refused if only the beginning is before 1970, or only the end after 9999", () => {
    assert.throws(() => hoursOf({ fromMs: -1, toMs: hour }), RangeError);
    assert.throws(() => hoursOf({ fromMs: hour, toMs: Date.UTC(10_000, 0, 1) }), RangeError);
  });

  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, Date.UTC(10_000, 0, 1)]) {
    test(`are refused for an invalid time: ${time}`, () => {
      assert.throws(() => hoursOf({ fromMs: time, toMs: time }), RangeError);
    });
  }
});
