import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareFindings, type LedgerRow } from "../../../../src/domain/audit/findings.ts";
import type { VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import {
  at,
  evaluate,
  evaluateAll,
  hourMs,
  intent,
  signature,
  signingObjectId,
  strangerObjectId,
  thiefAddress,
  userAgent,
} from "../../../support/fixtures/sign-audit.ts";

const issued = (vaultRequestId: string): Partial<LedgerRow> => ({ outcome: "issued", vaultRequestId });
const names = (result: ReturnType<typeof evaluate>) =>
  result.findings.map(({ kind, severity, requestId }) =>
    [kind, severity, requestId].filter((x) => x !== undefined).join(" "),
  );

interface Case {
  vault: VaultLogRow[];
  ledger: LedgerRow[];
  finds: string[];
}

const many = (count: number, more: Partial<LedgerRow> = {}) =>
  Array.from({ length: count }, (_, index) => intent(100 + index, 200, more));
const unaccounted = "unaccounted_signature 0";
const withoutUserAgent = (requestId: string, seconds: number) => {
  const { clientInfo: _, ...row } = signature(requestId, seconds);
  return row;
};

const cases: Record<string, Case> = {
  "a signature with its outcome is nothing to report": {
    vault: [signature("a", 11)],
    ledger: [intent(1, 10, issued("a"))],
    finds: [],
  },
  "a signature without an intent is unaccounted": {
    vault: [signature("a", 11)],
    ledger: [],
    finds: [`${unaccounted} a`],
  },
  "a repeated row is one signature": {
    vault: [signature("a", 11), signature("a", 11), signature("a", 11)],
    ledger: [],
    finds: [`${unaccounted} a`],
  },
  "another signature under a known request id is not hidden by it": {
    vault: [signature("a", 11), signature("a", 12, { callerAddress: thiefAddress })],
    ledger: [intent(1, 10, issued("a"))],
    finds: [`${unaccounted} a`],
  },
  "request ids and keys are compared without case": {
    vault: [signature("AB", 11, { keyName: "Token-Signing" })],
    ledger: [intent(1, 10, issued("ab"))],
    finds: [],
  },
  "an open intent covers one signature": { vault: [signature("a", 11)], ledger: [intent(1, 10)], finds: [] },
  "an open intent does not cover a second one": {
    vault: [signature("a", 11), signature("b", 12)],
    ledger: [intent(1, 10)],
    finds: [`${unaccounted} b`],
  },
  "an open intent covers as early and as late as the bounds say": {
    vault: [signature("a", 40), signature("b", 190)],
    ledger: [intent(1, 100), intent(2, 100)],
    finds: [],
  },
  "an open intent covers no earlier": {
    vault: [signature("a", 39)],
    ledger: [intent(1, 100)],
    finds: [`${unaccounted} a`],
  },
  "an open intent covers no later": {
    vault: [signature("a", 191)],
    ledger: [intent(1, 100)],
    finds: [`${unaccounted} a`],
  },
  "an open intent covers no other version": {
    vault: [signature("a", 11, { keyVersion: "v2" })],
    ledger: [intent(1, 10)],
    finds: [`${unaccounted} a`],
  },
  "an outcome covers no other request, certain or not": {
    vault: [signature("a", 11), signature("x", 12), signature("y", 13)],
    ledger: [intent(1, 10, issued("a")), intent(2, 10, { outcome: "maybe_signed", vaultRequestId: "b" })],
    finds: [`${unaccounted} x`, `${unaccounted} y`],
  },
  "an intent that was not signed covers nothing, not even its own request": {
    vault: [signature("a", 11), signature("b", 12)],
    ledger: [intent(1, 10, { outcome: "not_signed", vaultRequestId: "a" }), intent(2, 10, { outcome: "not_signed" })],
    finds: [`${unaccounted} a`, `${unaccounted} b`],
  },
  "maybe signed without a request id is open": {
    vault: [signature("a", 11)],
    ledger: [intent(1, 10, { outcome: "maybe_signed" })],
    finds: [],
  },
  "signed without a request id is open, and not missing": {
    vault: [],
    ledger: [intent(1, 10, { outcome: "exchange_failed" })],
    finds: [],
  },
  "maybe signed with a request id is never missing": {
    vault: [],
    ledger: [intent(1, 10, { outcome: "maybe_signed", vaultRequestId: "a" })],
    finds: [],
  },
  "intents are given out so that the fewest stay uncovered": {
    vault: [signature("a", 50), signature("b", 195)],
    ledger: [intent(1, 110), intent(2, 0)],
    finds: [],
  },
  "an open intent covers no signature of another instance, and of another client": {
    vault: [
      signature("a", 11, { clientInfo: userAgent("instance-2") }),
      signature("b", 12, { clientInfo: "curl/8 keyhold/instance-1" }),
    ],
    ledger: [intent(1, 10), intent(2, 10)],
    finds: [`${unaccounted} a`, `${unaccounted} b`],
  },
  "where the log has no User-Agent, an open intent of any instance covers": {
    vault: [withoutUserAgent("a", 11), withoutUserAgent("b", 12), withoutUserAgent("c", 13)],
    ledger: [intent(1, 10), intent(2, 10, { instance: "instance-2" })],
    finds: [`${unaccounted} c`],
  },
  "the name of an instance is compared without case": {
    vault: [signature("a", 11, { clientInfo: "KEYHOLD/Instance-1 azsdk" })],
    ledger: [intent(1, 10)],
    finds: [],
  },
  "a request id of a signature that is accounted for is not covered": {
    vault: [signature("a", 11), signature("a", 12)],
    ledger: [intent(1, 10, issued("a")), intent(2, 10)],
    finds: [`${unaccounted} a`],
  },
  "a request id far from its intent's time accounts for nothing": {
    vault: [signature("a", 191), signature("b", 39)],
    ledger: [intent(1, 100, issued("a")), intent(2, 100, issued("b"))],
    finds: [`${unaccounted} a`, `${unaccounted} b`, "missing_record 1 a", "missing_record 1 b"],
  },
  "a signature with another key than asked for is unaccounted": {
    vault: [signature("a", 11, { keyVersion: "v2" })],
    ledger: [intent(1, 10, { outcome: "signature_discarded", vaultRequestId: "a" })],
    finds: [`${unaccounted} a`],
  },
  "a row that does not tell its key is accounted by its request": {
    vault: [{ timeMs: at(11), operation: "KeySign", httpStatus: 200, requestId: "a", callerObjectId: signingObjectId }],
    ledger: [intent(1, 10, issued("a"))],
    finds: [],
  },
  "a signature by a stranger is reported, even under our request id": {
    vault: [
      signature("a", 11, { callerObjectId: strangerObjectId }),
      signature("b", 12, { callerObjectId: strangerObjectId }),
    ],
    ledger: [intent(1, 10, issued("a")), intent(2, 10)],
    finds: ["foreign_identity 0 a", "foreign_identity 0 b"],
  },
  "a stranger who was refused is a note, one that nobody identified is nothing": {
    vault: [
      signature("a", 11, { callerObjectId: strangerObjectId, httpStatus: 403 }),
      signature("b", 12, { callerObjectId: strangerObjectId, httpStatus: 401 }),
    ],
    ledger: [],
    finds: ["foreign_identity 2 a"],
  },
  "our identity does nothing but sign": {
    vault: [
      signature("a", 11, { operation: "KeyGet" }),
      signature("b", 12, { operation: "SecretGet", httpStatus: 403 }),
      signature("c", 13, { operation: "Authentication", httpStatus: 401 }),
      signature("d", 14, { operation: "KeyGet", callerObjectId: strangerObjectId }),
    ],
    ledger: [],
    finds: ["foreign_operation 0 a", "foreign_operation 1 b"],
  },
  "a refusal that the ledger knows, or an intent explains, is nothing": {
    vault: [signature("a", 11, { httpStatus: 429 }), signature("b", 12, { httpStatus: 403 })],
    ledger: [intent(1, 10, { outcome: "not_signed", vaultRequestId: "a" }), intent(2, 10, { outcome: "not_signed" })],
    finds: [],
  },
  "a refusal that nothing explains is a note": {
    vault: [signature("a", 11, { httpStatus: 400 })],
    ledger: [],
    finds: ["unaccounted_refusal 2 a"],
  },
  "a record that the log lacks, or shows as refused, is missing": {
    vault: [signature("b", 12, { httpStatus: 403 })],
    ledger: [intent(1, 10, issued("a")), intent(2, 11, { outcome: "rejected", vaultRequestId: "b" })],
    finds: ["missing_record 1 a", "missing_record 1 b", "unaccounted_refusal 2 b"],
  },
  "open intents are reported above a number": { vault: [], ledger: many(6), finds: ["open_intents 2"] },
  "open intents are reported above a share": { vault: [], ledger: many(3), finds: ["open_intents 2"] },
  "single crashes are not reported": { vault: [], ledger: many(2), finds: [] },
  "few open intents among many are not reported": {
    vault: [],
    ledger: [
      ...many(5),
      ...many(60, { outcome: "not_signed" }).map((row, i) => ({ ...row, id: intent(900 + i, 0).id })),
    ],
    finds: [],
  },
};

describe("reconciliation of a window", () => {
  for (const [name, { vault, ledger, finds }] of Object.entries(cases)) {
    test(name, () => {
      assert.deepEqual(names(evaluate(at(0), vault, ledger)).sort(), finds.sort());
      assert.deepEqual(evaluate(at(0), vault.toReversed(), ledger.toReversed()), evaluate(at(0), vault, ledger));
    });
  }

  test("a finding names the time, key, address, identity and the other candidates", () => {
    const theft = signature("b", 12, { callerAddress: thiefAddress, callerAppId: "app" });
    const { findings, covered } = evaluate(at(0), [signature("a", 11), theft], [intent(1, 10)]);
    const [{ id = "", ...finding } = {}] = findings;
    assert.deepEqual(finding, {
      kind: "unaccounted_signature",
      severity: 0,
      ...theft,
      reason: "no_intent",
      candidates: ["a"],
    });
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      covered.map(({ row, ledgerId }) => [row.requestId, ledgerId]),
      [["a", intent(1, 10).id]],
    );
  });

  test("of two rows with one request id, the first is accounted for", () => {
    const rows = [signature("a", 12, { callerAddress: thiefAddress }), signature("a", 11)];
    const { findings } = evaluate(at(0), rows, [intent(1, 10, issued("a"))]);
    assert.deepEqual(
      findings.map(({ callerAddress, timeMs }) => [callerAddress, timeMs]),
      [[thiefAddress, at(12)]],
    );
  });

  test("a signature that the ledger contradicts names the ledger's row", () => {
    const denied = intent(1, 10, { outcome: "not_signed", vaultRequestId: "a" });
    assert.equal(evaluate(at(0), [signature("a", 11)], [denied]).findings[0]?.ledgerId, denied.id);
  });

  test("a record is missing only after the grace period, and a late row resolves it", () => {
    const ledger = [intent(1, 10, issued("a"))];
    const before = evaluate(at(0), [], ledger, at(10) + hourMs - 1);
    const due = evaluate(at(0), [], ledger, at(10) + hourMs);
    const late = evaluate(at(0), [signature("a", 11)], ledger, at(10) + hourMs);
    assert.deepEqual(names(before), []);
    assert.deepEqual(names(due), ["missing_record 1 a"]);
    assert.deepEqual(compareFindings(due.findings, late.findings), { added: [], changed: [], resolved: due.findings });
    assert.deepEqual(compareFindings(due.findings, due.findings), { added: [], changed: [], resolved: [] });
  });

  test("a row belongs to the window of its own time", () => {
    const rows = [signature("a", 0), signature("b", 300)];
    assert.deepEqual(names(evaluate(at(0), rows, [])), [`${unaccounted} a`]);
    assert.deepEqual(names(evaluate(at(300), rows, [])), [`${unaccounted} b`]);
  });

  test("an intent at a window boundary covers a signature in one window only", () => {
    const rows = [signature("a", 290), signature("b", 310)];
    const results = evaluateAll([at(0), at(300)], rows, [intent(1, 299)]);
    assert.deepEqual(results.map(names), [[], [`${unaccounted} b`]]);
    assert.deepEqual(results[1]?.findings[0]?.candidates, ["a"]);
    assert.deepEqual(results[1]?.carry, {});
  });

  test("a chain of open intents over many windows has one assignment", () => {
    const ledger = Array.from({ length: 30 }, (_, index) => intent(index, index * 100));
    const rows = [signature("early", -50), ...ledger.map((_, index) => signature(`s${index}`, index * 100 + 85))];
    const found = evaluateAll(
      Array.from({ length: 11 }, (_, index) => at((index - 1) * 300)),
      rows,
      ledger,
    );
    const kinds = found.flatMap(({ findings }) => findings.filter(({ severity }) => severity === 0));
    assert.deepEqual(
      kinds.map(({ requestId }) => requestId),
      ["s29"],
    );
  });

  test("the reason says which fact in the ledger contradicts a signature", () => {
    const reasonOf = (row: VaultLogRow, ledger: LedgerRow[]) => evaluate(at(0), [row], ledger).findings[0]?.reason;
    const row = signature("a", 100);
    assert.equal(reasonOf(row, []), "no_intent");
    assert.equal(reasonOf(row, [intent(1, 100, { outcome: "not_signed", vaultRequestId: "A" })]), "denied");
    assert.equal(reasonOf(row, [intent(1, 100, { ...issued("a"), keyVersion: "v2" })]), "other_key");
    assert.equal(reasonOf(row, [intent(1, 161, issued("a"))]), "other_time");
    assert.equal(reasonOf(row, [intent(1, 100, { instance: "instance-2" })]), "other_instance");
    assert.equal(reasonOf(withoutUserAgent("a", 100), [intent(1, 161)]), "no_intent");
  });

  test("a result that can still change without a new row is pending", () => {
    const pending = (vault: VaultLogRow[], ledger: LedgerRow[]) => evaluate(at(0), vault, ledger, at(600)).isPending;
    assert.equal(pending([signature("a", 11)], [intent(1, 10, issued("a"))]), false);
    assert.equal(pending([], [intent(1, 10, { outcome: "not_signed" })]), false);
    assert.equal(pending([], [intent(1, 10, issued("a"))]), true, "its record may come");
    assert.equal(pending([signature("a", 11)], [intent(1, 10)]), true, "its outcome may come");
    assert.equal(pending([signature("a", 11)], []), true, "what is found may be explained");
  });
});
