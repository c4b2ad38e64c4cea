/** What is stored about keys: when they were seen, used and removed, for how long, and which may verify tokens. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  formerKeys,
  type KeyRecord,
  observeKeys,
  standingAlarms,
  trustedKeys,
  withdrawnKeys,
} from "../../../../src/domain/metadata/last-known-good.ts";
import { startMs as nowMs } from "../../../support/fakes/clock.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const historyMs = 400 * dayMs;
const published = (kid: string) => ({ kid, n: `n of ${kid}`, e: "AQAB", certificate: `certificate of ${kid}` });
const [one, two, three] = [published("one"), published("two"), published("three")];
/** Known for a week and seen an hour ago. */
const record = (kid: string, more: Partial<KeyRecord> = {}): KeyRecord => {
  return { ...published(kid), firstSeenMs: nowMs - 7 * dayMs, lastSeenMs: nowMs - hourMs, ...more };
};
const kids = (keys: readonly { kid: string }[]) => keys.map(({ kid }) => kid);
const observe = (
  history: readonly KeyRecord[],
  keys: Parameters<typeof observeKeys>[1],
  { uses = new Map<string, number>(), follows = true } = {},
) => observeKeys(history, keys, uses, nowMs, follows);

describe("after a look at the published keys", () => {
  test("a new key was first and last seen now", () => {
    assert.deepEqual(observe([], [one]), [{ ...one, firstSeenMs: nowMs, lastSeenMs: nowMs }]);
  });

  test("a known key was last seen now, and first seen as before", () => {
    assert.deepEqual(observe([record("one")], [one]), [record("one", { lastSeenMs: nowMs })]);
  });

  test("a key of another issuer is not remembered", () => {
    assert.deepEqual(kids(observe([], [one, { ...two, otherIssuer: true }])), ["one"]);
  });

  test("a key that is now published for another issuer was not seen", () => {
    const [key] = observe([record("one")], [{ ...one, otherIssuer: true }, two]);
    assert.equal(key?.lastSeenMs, nowMs - hourMs);
  });

  test("a missing key was removed now, and keeps that time", () => {
    const history = [record("one"), record("two", { removedMs: nowMs - dayMs }), record("three")];
    assert.deepEqual(observe(history, [three]), [
      record("one", { removedMs: nowMs }),
      record("two", { removedMs: nowMs - dayMs }),
      record("three", { lastSeenMs: nowMs }),
    ]);
  });

  test("a key that is back is neither removed nor withdrawn", () => {
    const gone = record("one", { removedMs: nowMs - hourMs, withdrawnMs: nowMs - hourMs });
    assert.deepEqual(observe([gone], [one]), [record("one", { lastSeenMs: nowMs })]);
  });

  test("the first use of a key is remembered, and never replaced", () => {
    const uses = new Map([
      ["one", nowMs - 5],
      ["two", nowMs - 5],
    ]);
    const history = [record("one"), record("two", { firstUsedMs: nowMs - dayMs }), record("three")];
    const used = observe(history, [one, two, three], { uses }).map(({ firstUsedMs }) => firstUsedMs);
    assert.deepEqual(used, [nowMs - 5, nowMs - dayMs, undefined]);
  });

  for (const [agoMs, expected] of [
    [historyMs - 1, ["one", "two"]],
    [historyMs, ["two"]],
  ] as const) {
    test(`a key that was last seen ${agoMs} ms ago ${expected.length === 2 ? "is" : "is not"} remembered`, () => {
      assert.deepEqual(kids(observe([record("one", { lastSeenMs: nowMs - agoMs })], [two])), expected);
    });
  }
});

describe("a missing key", () => {
  const isWithdrawn = (missing: KeyRecord, successor: KeyRecord, follows = true) =>
    observe([missing, successor], [published(successor.kid)], { follows })[0]?.withdrawnMs;

  test("is withdrawn if its successor has been known for less than a day", () => {
    assert.equal(isWithdrawn(record("one"), record("two", { firstSeenMs: nowMs - dayMs + 1 })), nowMs);
    assert.equal(isWithdrawn(record("one"), record("two", { firstSeenMs: nowMs - dayMs })), undefined);
  });

  test("is not withdrawn if the remaining keys are not newer", () => {
    const firstSeenMs = nowMs - hourMs;
    assert.equal(isWithdrawn(record("one", { firstSeenMs }), record("two", { firstSeenMs })), undefined);
    assert.equal(isWithdrawn(record("one", { firstSeenMs: firstSeenMs - 1 }), record("two", { firstSeenMs })), nowMs);
  });

  test("is not withdrawn by a discontinuous key set", () => {
    assert.equal(isWithdrawn(record("one"), record("two", { firstSeenMs: nowMs }), false), undefined);
  });

  test("that was removed earlier is not withdrawn later, and one that was withdrawn stays withdrawn", () => {
    const successor = record("two", { firstSeenMs: nowMs });
    assert.equal(isWithdrawn(record("one", { removedMs: nowMs - hourMs }), successor), undefined);
    const withdrawn = { removedMs: nowMs - hourMs, withdrawnMs: nowMs - hourMs };
    assert.equal(isWithdrawn(record("one", withdrawn), successor), nowMs - hourMs);
  });

  test("is not withdrawn because of a newer key that is missing too", () => {
    const older = record("two", { firstSeenMs: nowMs - dayMs });
    const history = [record("one"), older, record("three", { firstSeenMs: nowMs - hourMs })];
    const sinces = observe(history, [one]).map(({ withdrawnMs }) => withdrawnMs);
    assert.deepEqual(sinces, [undefined, undefined, undefined]);
  });

  test("is compared with the newest of the remaining keys", () => {
    const history = [record("one"), record("two"), record("three", { firstSeenMs: nowMs - hourMs })];
    assert.equal(observe(history, [two, three])[0]?.withdrawnMs, nowMs);
  });
});

describe("the former keys of a document", () => {
  test("are those that left it now or earlier, without those that it lists", () => {
    const before = [{ ...three, removedMs: nowMs - dayMs }];
    assert.deepEqual(formerKeys(before, [one, two], [two], nowMs), [
      { ...three, removedMs: nowMs - dayMs },
      { ...one, removedMs: nowMs },
    ]);
    assert.deepEqual(formerKeys(before, [one], [one, three], nowMs), []);
  });

  test("are forgotten after 400 days, and never while it is unknown since when they are missing", () => {
    const ago = (ms: number) => formerKeys([{ ...one, removedMs: nowMs - ms }], [], [], nowMs).length;
    assert.deepEqual([ago(historyMs - 1), ago(historyMs)], [1, 0]);
    assert.deepEqual(formerKeys([one], [], [], nowMs), [one]);
  });
});

test("a key counts as withdrawn for 28 hours, as long as a token signed with it may be valid", () => {
  const withdrawnMs = nowMs - 28 * hourMs;
  const keys = [record("one", { withdrawnMs: withdrawnMs + 1 }), record("two", { withdrawnMs }), record("three")];
  assert.deepEqual([...withdrawnKeys(keys, nowMs)], [["one", withdrawnMs + 1]]);
});

test("a key is trusted for 24 hours after it was last seen", () => {
  const lastSeenMs = nowMs - dayMs;
  assert.deepEqual(
    kids(trustedKeys([record("one", { lastSeenMs: lastSeenMs + 1 }), record("two", { lastSeenMs })], nowMs)),
    ["one"],
  );
});

test("an alarm lasts for a day, and one with a time in the future does not count", () => {
  const alarm = (atMs: number) => {
    return { event: "metadata_discontinuous" as const, document: "jwks" as const, added: [], removed: [], atMs };
  };
  const alarms = [nowMs + 1, nowMs, nowMs - dayMs + 1, nowMs - dayMs].map(alarm);
  assert.deepEqual(standingAlarms(alarms, nowMs), [alarm(nowMs), alarm(nowMs - dayMs + 1)]);
});
