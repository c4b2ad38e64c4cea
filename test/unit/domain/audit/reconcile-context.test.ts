/** Rows around a window affect it up to a fixed distance, however many more were read. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LedgerRow } from "../../../../src/domain/audit/findings.ts";
import { type ReconcileInput, reconcile } from "../../../../src/domain/audit/reconcile.ts";
import type { VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import {
  at,
  dayMs,
  hourMs,
  intent,
  signature,
  signingObjectId,
  strangerObjectId,
} from "../../../support/fixtures/sign-audit.ts";

/** The window of 0 to 300 s. */
function look(vaultRows: VaultLogRow[], ledgerRows: LedgerRow[], more: Partial<ReconcileInput> = {}) {
  const window = { windowFromMs: at(0), windowToMs: at(300), nowMs: at(0) + dayMs };
  return reconcile({ ...window, vaultRows, ledgerRows, refusals: [], carry: {}, signingObjectId, ...more });
}
const reasonOf = (requestId: string, { findings }: ReturnType<typeof look>) =>
  findings.find((each) => each.requestId === requestId)?.reason;

describe("around a window count", () => {
  test("signatures up to 150 s before it: an earlier one with the same request id is the accounted one", () => {
    const reason = (seconds: number) => reasonOf("a", look([signature("a", seconds), signature("a", 10)], []));
    assert.equal(reason(-150), "repeated_request");
    assert.equal(reason(-150.001), "no_intent");
  });

  test("signatures up to 90 s after it: a later one may be the one that its intent accounts for", () => {
    const issued = intent(1, 355, { outcome: "issued", vaultRequestId: "a" });
    const reason = (seconds: number) => reasonOf("a", look([signature("a", 290), signature("a", seconds)], [issued]));
    assert.equal(reason(389.999), "repeated_request");
    assert.equal(reason(390), "other_time");
  });

  test("intents from 90 s before it to 60 s after it, for refusals too", () => {
    const isExplained = (seconds: number) => {
      const refused = { ...signature("r", 10, { httpStatus: 429 }), count: 1, lastMs: at(10) };
      return look([], [intent(1, seconds, { outcome: "not_signed" })], { refusals: [refused] }).findings.length === 0;
    };
    assert.deepEqual([-90.001, -90, 359.999, 360].map(isExplained), [false, true, true, false]);
  });

  test("only the window's own signatures and intents in the totals", () => {
    const rows = [-0.001, 0, 299.999, 300].map((seconds, i) => signature(`s${i}`, seconds));
    const strangers = [signature("t", 5, { callerObjectId: strangerObjectId, keyName: "publisher" })];
    const unnamed = {
      timeMs: at(6),
      operation: "KeySign",
      httpStatus: 0,
      requestId: "u",
      callerObjectId: strangerObjectId,
    };
    const other = [signature("g", 7, { operation: "KeyGet" }), signature("h", 8, { httpStatus: 403 })];
    const ledger = [-0.001, 0, 299.999, 300].map((seconds, i) => intent(i, seconds));
    const { counts, signs } = look([...rows, ...strangers, unnamed, ...other], ledger);
    assert.deepEqual(counts, { signatures: 2, covered: 2, unaccounted: 0, intents: 2, openIntents: 2 });
    assert.deepEqual(
      [...signs],
      [
        ["token-signing", 2],
        ["publisher", 1],
        ["", 1],
      ],
    );
  });
});

describe("a record", () => {
  const issued = (vaultRequestId: string, seconds = 10) => intent(1, seconds, { outcome: "issued", vaultRequestId });
  const isMissing = (row: VaultLogRow, ledger: LedgerRow) =>
    look([row], [ledger]).findings.some(({ kind }) => kind === "missing_record");

  test("matches a request in the log by any identity, in any letter case, near its time", () => {
    assert.equal(isMissing(signature("A", 11), issued("a")), false);
    assert.equal(isMissing(signature("a", 11), issued("A")), false);
    assert.equal(isMissing(signature("a", 11, { callerObjectId: strangerObjectId }), issued("a")), false);
    assert.equal(isMissing(signature("a", 100), issued("a")), false);
    assert.equal(isMissing(signature("a", 100.001), issued("a")), true);
    assert.equal(isMissing(signature("a", 100.001, { callerObjectId: strangerObjectId }), issued("a")), true);
    assert.equal(isMissing(signature("b", 11), issued("a")), true);
    for (const callerObjectId of [signingObjectId, strangerObjectId]) {
      assert.equal(isMissing(signature("a", 11, { operation: "KeyGet", callerObjectId }), issued("a")), true);
    }
  });

  test("matches even if an earlier row with its request id is the accounted one", () => {
    const ledger = [issued("a", 100), intent(2, 200, { outcome: "issued", vaultRequestId: "a" })];
    const { findings } = look([signature("a", 101), signature("a", 201)], ledger);
    assert.deepEqual(
      findings.map(({ kind, reason }) => [kind, reason]),
      [["unaccounted_signature", "repeated_request"]],
    );
  });

  test("that is missing is reported with the key and request that the ledger names", () => {
    const [finding] = look([], [issued("a")]).findings;
    const { id: _, ...facts } = finding ?? assert.fail();
    assert.deepEqual(facts, {
      ...{ kind: "missing_record", severity: 1, timeMs: at(10), keyName: "token-signing", keyVersion: "v1" },
      ...{ requestId: "a", ledgerId: issued("a").id },
    });
  });

  test("of a signature without a key name in the log explains no refusal", () => {
    const refused = { ...signature("r", 10, { httpStatus: 429 }), count: 1, lastMs: at(10) };
    const maybe = intent(1, 10, { outcome: "maybe_signed", vaultRequestId: "a" });
    const kinds = (rows: VaultLogRow[]) =>
      look(rows, [maybe], { refusals: [refused] }).findings.map(({ kind }) => kind);
    assert.deepEqual(kinds([]), [], "it may have been refused");
    assert.deepEqual(kinds([signature("a", 11)]), ["unaccounted_refusal"], "it was signed");
  });
});

test("signatures without a request id are counted separately, and none repeats another", () => {
  const rows = [signature("", 10), signature("", 20), signature("", 30)];
  const { covered, findings } = look(rows, [intent(1, 10), intent(2, 20)]);
  assert.equal(covered.length, 2);
  assert.deepEqual(
    findings.map(({ timeMs, reason }) => [timeMs, reason]),
    [[at(30), "no_intent"]],
  );
});

describe("open intents", () => {
  const count = (open: number, all: number) => {
    const ledger = Array.from({ length: all }, (_, i) => intent(i, i / 10, i < open ? {} : { outcome: "not_signed" }));
    const { findings } = look([], ledger);
    return findings.map(({ kind, severity, timeMs, openIntents, intents }) => [
      kind,
      severity,
      timeMs,
      openIntents,
      intents,
    ]);
  };

  test("are a finding above five, and from three on if they are more than a tenth", () => {
    assert.deepEqual(count(5, 50), []);
    assert.deepEqual(count(6, 600), [["open_intents", 2, at(0), 6, 600]]);
    assert.deepEqual(count(3, 29), [["open_intents", 2, at(0), 3, 29]]);
    assert.deepEqual(count(3, 30), []);
    assert.deepEqual(count(2, 2), []);
  });
});

test("findings are sorted by time, and by id if the times are equal", () => {
  const rows = [30, 20, 20, 20, 20, 20, 10].map((seconds, i) => signature(`s${i}`, seconds));
  const { findings } = look([...rows, signature("t", 5, { callerObjectId: strangerObjectId })], []);
  assert.deepEqual(
    findings.map(({ timeMs }) => timeMs),
    [5, 10, 20, 20, 20, 20, 20, 30].map(at),
  );
  const ids = findings.slice(2, 7).map(({ id }) => id);
  assert.deepEqual(ids, ids.toSorted());
});

test("a record that is due only in an hour keeps the window open for another look", () => {
  const maybe = intent(1, 10, { outcome: "maybe_signed", vaultRequestId: "a" });
  assert.equal(look([], [maybe], { nowMs: at(10) + hourMs }).isPending, false, "nobody knows whether there is one");
});
