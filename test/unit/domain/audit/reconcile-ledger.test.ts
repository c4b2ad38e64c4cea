/** Rows of the ledger that are incomplete, were read twice, or share their request id. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LedgerRow } from "../../../../src/domain/audit/findings.ts";
import { type ReconcileInput, reconcile } from "../../../../src/domain/audit/reconcile.ts";
import type { VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import { at, dayMs, intent, ofKind, signature, signingObjectId } from "../../../support/fixtures/sign-audit.ts";

/** The window of 0 to 300 s. */
function look(vaultRows: VaultLogRow[], ledgerRows: LedgerRow[], more: Partial<ReconcileInput> = {}) {
  const window = { windowFromMs: at(0), windowToMs: at(300), nowMs: at(0) + dayMs };
  return reconcile({ ...window, vaultRows, ledgerRows, refusals: [], carry: {}, signingObjectId, ...more });
}
const unaccounted = ({ findings }: ReturnType<typeof look>) =>
  ofKind(findings, "unaccounted_signature").map(({ requestId, reason }) => `${requestId} ${reason}`);
const issued = (vaultRequestId: string): Partial<LedgerRow> => ({ outcome: "issued", vaultRequestId });

test("an open intent that names no instance covers no signature of another client", () => {
  const curl = signature("a", 11, { clientInfo: "curl/8" });
  const result = look([curl], [intent(1, 10, { instance: "" })]);
  assert.deepEqual([unaccounted(result), result.covered], [["a other_instance"], []]);
});

test("the ledger's name of an instance is compared without case", () => {
  const result = look([signature("a", 11), signature("b", 12)], [intent(1, 10, { instance: "Instance-1" })]);
  assert.equal(result.covered.length, 1);
  assert.deepEqual(unaccounted(result), ["b no_intent"], "the intent is not another instance's");
});

test("an empty request id in the ledger is none: the intent is open", () => {
  const refused = { ...signature("r", 13, { httpStatus: 429 }), count: 1, lastMs: at(13) };
  for (const requestIds of [[""], ["", ""]]) {
    const rows = requestIds.map((requestId, i) => signature(requestId, 11 + i));
    const { findings, covered } = look(rows, [intent(1, 10, { outcome: "maybe_signed" })], { refusals: [refused] });
    const empty = intent(1, 10, { outcome: "maybe_signed", vaultRequestId: "" });
    const result = look(rows, [empty], { refusals: [refused] });
    assert.deepEqual(result.findings, findings);
    assert.deepEqual(result.covered, covered);
    assert.equal(covered.length, 1);
  }
});

describe("a ledger row that was read twice", () => {
  const rows = [intent(1, 10), intent(1, 10, issued("a"))];
  for (const [order, ledger] of [
    ["before and after its outcome", rows],
    ["after and before its outcome", rows.toReversed()],
  ] as const) {
    test(`${order} accounts for the signature of its outcome, and covers no other`, () => {
      const result = look([signature("a", 11), signature("b", 12)], [...ledger]);
      assert.deepEqual(unaccounted(result), ["b no_intent"]);
      assert.deepEqual([result.covered, result.counts.intents, result.counts.openIntents], [[], 1, 0]);
    });
  }
});

describe("of several intents with one request id", () => {
  const denied = intent(1, 100, { outcome: "not_signed", vaultRequestId: "a" });
  const otherKey = intent(2, 100, { ...issued("a"), keyVersion: "v2" });
  const otherTime = intent(3, 200, issued("a"));
  const reasons = (ledger: LedgerRow[]) =>
    [ledger, ledger.toReversed()].flatMap((rows) => unaccounted(look([signature("a", 101)], rows)));

  test("each can account for a signature near its own time", () => {
    const ledger = [0, 120, 240].map((seconds, i) => intent(i, seconds, issued("a")));
    const found = [1, 121, 241].map((seconds) => unaccounted(look([signature("a", seconds)], ledger)));
    assert.deepEqual(found, [[], [], []]);
  });

  test("one that was signed decides the reason, even if another one was not signed", () => {
    assert.deepEqual(reasons([denied, otherKey]), ["a other_key", "a other_key"]);
    assert.deepEqual(reasons([denied]), ["a denied", "a denied"]);
  });

  test("one near the signature's time makes the key the reason, even if another one is far away", () => {
    assert.deepEqual(reasons([otherKey, otherTime]), ["a other_key", "a other_key"]);
    assert.deepEqual(reasons([otherTime]), ["a other_time", "a other_time"]);
  });
});

describe("a signature whose log row does not name the whole key version", () => {
  const parts: (keyof VaultLogRow)[][] = [["keyName"], ["keyVersion"], ["keyName", "keyVersion"]];
  for (const missing of parts) {
    const kept = Object.entries(signature("a", 11)).filter(([name]) => !missing.includes(name as keyof VaultLogRow));
    const row = Object.fromEntries(kept) as unknown as VaultLogRow;

    test(`is accounted for by its request id without ${missing.join(" and ")}`, () => {
      assert.deepEqual(unaccounted(look([row], [intent(1, 10, issued("a"))])), []);
    });

    test(`has no intent of another instance without ${missing.join(" and ")}`, () => {
      const others = intent(1, 10, { instance: "instance-2" });
      assert.deepEqual(unaccounted(look([row], [others])), ["a no_intent"]);
    });
  }
});
