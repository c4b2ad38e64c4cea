import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  compareFindings,
  createFinding,
  type Finding,
  type FindingKind,
  identityOf,
  limitFindings,
} from "../../../../src/domain/audit/findings.ts";
import type { VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import {
  at,
  evaluate,
  intent,
  signature,
  strangerObjectId,
  thiefAddress,
} from "../../../support/fixtures/sign-audit.ts";

const found = (number: number, kind: FindingKind = "unaccounted_signature", more: Partial<Finding> = {}): Finding => ({
  ...createFinding(kind, 0, `${number}`, { timeMs: at(number) }),
  ...more,
});
const many = (count: number, kind?: FindingKind) => Array.from({ length: count }, (_, i) => found(i, kind));

describe("the findings of a window", () => {
  test("are all listed up to a hundred of each kind", () => {
    assert.deepEqual(limitFindings(many(100), [], at(0)), many(100));
  });

  test("above a hundred of one kind are a single finding with their number and times", () => {
    const limited = limitFindings(many(103), [], at(0));
    assert.deepEqual(limited.slice(0, 100), many(100));
    const { id, ...more } = limited[100] ?? assert.fail();
    const facts = { timeMs: at(100), lastMs: at(102), count: 3 };
    assert.deepEqual(more, { kind: "unaccounted_signature", severity: 0, ...facts });
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal(limited.length, 101);
  });

  test("are limited by kind and severity: a flood of one kind hides no other", () => {
    const minor = many(60, "foreign_identity").map((one) => ({ ...one, id: `${one.id}2`, severity: 2 as const }));
    const all = [...many(101), ...many(60, "foreign_identity"), ...minor, ...many(1, "missing_record")];
    const counts = Map.groupBy(limitFindings(all, [], at(0)), ({ kind, severity }) => `${kind} ${severity}`);
    assert.deepEqual(
      [...counts].map(([group, of]) => [group, of.length]),
      [
        ["unaccounted_signature 0", 101],
        ["foreign_identity 0", 60],
        ["foreign_identity 2", 60],
        ["missing_record 0", 1],
      ],
    );
  });

  test("that are counted stand for all of their rows, including the last one", () => {
    const groups = many(102).map((one, i) => ({ ...one, count: 10, lastMs: at(5_000 - i) }));
    const more = limitFindings(groups, [], at(0)).at(-1);
    assert.deepEqual([more?.count, more?.timeMs, more?.lastMs], [20, at(100), at(4_900)]);
  });

  test("that were listed stay listed, and the finding that counts the others stays the same", () => {
    const before = limitFindings(many(150), [], at(0));
    const earlier = Array.from({ length: 20 }, (_, i) => found(-1 - i)).reverse();
    const { added, changed, resolved } = compareFindings(
      before,
      limitFindings([...earlier, ...many(150)], before, at(0)),
    );
    assert.deepEqual([added, resolved], [[], []]);
    assert.deepEqual(
      changed.map(({ id, count, timeMs }) => [id, count, timeMs]),
      [[before[100]?.id, 70, at(-20)]],
    );
  });

  test("that are new are added and not changed, and those that are the same are neither", () => {
    const [same, one, more] = [found(1), found(2), found(2, "unaccounted_signature", { candidates: ["a"] })];
    const compared = compareFindings([same, one], [same, more, found(3)]);
    assert.deepEqual(compared, { added: [found(3)], changed: [more], resolved: [] });
  });

  test("of another window or kind are counted by a separate finding", () => {
    const moreOf = (kind: FindingKind, windowFromMs: number) =>
      limitFindings(many(101, kind), [], windowFromMs)[100]?.id;
    const ids = [
      moreOf("unaccounted_signature", at(0)),
      moreOf("unaccounted_signature", at(300)),
      moreOf("foreign_identity", at(0)),
    ];
    assert.equal(new Set(ids).size, 3);
  });

  test("have the same id for the same cause, and a different id for another kind or cause", () => {
    const id = (kind: FindingKind, cause: string) => createFinding(kind, 0, cause, { timeMs: 0 }).id;
    assert.equal(id("missing_record", "a"), "bf467fbaf3a350deed5793adf780e40d");
    assert.equal(new Set([id("missing_record", "a"), id("missing_record", "b"), id("open_intents", "a")]).size, 3);
  });
});

describe("two rows of the log", () => {
  const row = signature("a", 10);
  const others: Partial<VaultLogRow>[] = [
    { requestId: "b" },
    { operation: "keysign" },
    { timeMs: row.timeMs + 1 },
    { httpStatus: 202 },
    { keyName: "other" },
    { keyVersion: "v2" },
    { callerObjectId: strangerObjectId },
    { callerAddress: thiefAddress },
  ];
  for (const other of others) {
    test(`that differ in ${Object.keys(other)} are two signatures, whichever comes first`, () => {
      const rows = [row, { ...row, ...other }];
      for (const vault of [rows, rows.toReversed()]) {
        assert.equal(evaluate(at(0), [...vault, ...vault], []).findings.length, 2);
        const accounted = evaluate(at(0), vault, [intent(1, 10, { outcome: "issued", vaultRequestId: "a" })]);
        assert.equal(accounted.findings.length, 1);
      }
    });
  }

  test("that differ only in User-Agent or application are one", () => {
    const rows = [row, { ...row, clientInfo: "curl/8" }, { ...row, callerAppId: "app" }];
    assert.equal(evaluate(at(0), rows, []).findings.length, 1);
  });

  test("have an identity that must not change between versions, because the ids of findings are derived from it", () => {
    const { keyName: _, keyVersion: __, callerAddress: ___, ...bare } = signature("a", 0);
    const { timeMs, callerObjectId } = bare;
    assert.equal(identityOf(bare), `["a","KeySign",${timeMs},200,null,null,"${callerObjectId}",null]`);
  });
});
