import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { changeOfKeys, continuityOfFederation, continuityOfKeys } from "../../../../src/domain/metadata/continuity.ts";

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 5, 1);
const key = (kid: string, n: string) => ({ kid, n, e: "AQAB", certificate: `certificate of ${kid}` });
const [one, two, three] = [key("one", "1"), key("two", "2"), key("three", "3")];

describe("federation metadata", () => {
  const cases: [what: string, signer: ReturnType<typeof key>, expected: string][] = [
    ["signed by a key of before", one, "continuous"],
    ["signed by a key of before under a new certificate", key("renewed", "1"), "continuous"],
    ["signed by another key under a name of before", key("one", "9"), "discontinuous"],
    ["signed by a new key that it lists beside those of before", three, "discontinuous"],
  ];
  for (const [what, signer, expected] of cases) {
    test(`${what} is ${expected}`, () => {
      const next = { keys: [signer, two], signedBy: signer.kid };
      assert.equal(continuityOfFederation([one, two], [], next, nowMs), expected);
    });
  }

  test("signed by a key that it does not list is discontinuous", () => {
    assert.equal(continuityOfFederation([one], [], { keys: [one], signedBy: "two" }, nowMs), "discontinuous");
  });

  for (const [ms, expected] of [
    [dayMs, "continuous"],
    [dayMs + 1, "discontinuous"],
  ] as const) {
    test(`with a key that it left out ${ms} ms ago is ${expected}, whatever the key's certificate is now`, () => {
      const former = [{ ...three, removedMs: nowMs - ms }];
      const next = { keys: [one, key("renewed", "3")], signedBy: "one" };
      assert.equal(continuityOfFederation([one], former, next, nowMs), expected);
    });
  }
});

describe("a key set", () => {
  const gone = { ...three, removedMs: nowMs - dayMs - 1 };
  const leaving = { ...three, removedMs: nowMs - dayMs };
  const cases: [what: string, keys: ReturnType<typeof key>[], former: (typeof gone)[], expected: string][] = [
    ["with the keys of before", [one], [], "continuous"],
    ["with a key that federation metadata lists", [one, two], [], "continuous"],
    ["with another key under a name that federation metadata lists", [one, key("two", "9")], [], "discontinuous"],
    ["with a key that nobody knows", [one, three], [], "discontinuous"],
    ["with a key that left it a day ago", [one, three], [leaving], "continuous"],
    ["with a key that left it longer ago", [one, three], [gone], "discontinuous"],
    [
      "with a key that left it longer ago, for which federation metadata vouches",
      [one, two],
      [{ ...gone, n: "2" }],
      "discontinuous",
    ],
  ];
  for (const [what, keys, former, expected] of cases) {
    test(`${what} is ${expected}`, () => {
      assert.equal(continuityOfKeys([one], former, keys, [one, two], nowMs), expected);
    });
  }
});

test("is the first if nothing is known, whatever key vouches for it", () => {
  const gone = [{ ...one, removedMs: nowMs - dayMs - 1 }];
  assert.equal(continuityOfFederation(undefined, gone, { keys: [one], signedBy: "one" }, nowMs), "first");
  assert.equal(continuityOfKeys(undefined, gone, [one], [one], nowMs), "first");
});

test("a key that is still published is never long gone", () => {
  assert.equal(continuityOfKeys([one], [two], [one, two], [two], nowMs), "continuous");
});

describe("the difference of two sets of keys", () => {
  const cases: [
    before: (typeof one)[] | undefined,
    now: (typeof one)[],
    added: string[],
    removed: string[],
    all: boolean,
  ][] = [
    [undefined, [one], ["one"], [], false],
    [[], [one], ["one"], [], false],
    [[one, two], [one, two], [], [], false],
    [[one], [one, two], ["two"], [], false],
    [[one, two], [two, three], ["three"], ["one"], false],
    [[one, two], [three], ["three"], ["one", "two"], true],
    [[one, two], [], [], ["one", "two"], true],
  ];
  for (const [before, now, added, removed, isReplacement] of cases) {
    const kids = (keys: (typeof one)[] = []) => keys.map(({ kid }) => kid).join(" and ") || "none";
    test(`${kids(before)} and ${kids(now)}: ${added.length} added, ${removed.length} removed`, () => {
      assert.deepEqual(changeOfKeys(before, now), { added, removed, isReplacement });
    });
  }

  test("one key and none: all are removed", () => {
    assert.deepEqual(changeOfKeys([one]), { added: [], removed: ["one"], isReplacement: true });
  });
});
