import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { at, evaluate, evaluateAll, intent, signature } from "../../../support/fixtures/sign-audit.ts";

const withoutUserAgent = (requestId: string, seconds: number) => {
  const { clientInfo: _, ...row } = signature(requestId, seconds);
  return row;
};
const requests = (result: ReturnType<typeof evaluate> | undefined) =>
  result?.findings.map(({ requestId }) => requestId);

describe("open intents", () => {
  test("list at most ten other candidates for a signature without an intent", () => {
    const rows = Array.from({ length: 16 }, (_, i) => signature(`s${i}`, 20 + i));
    const ledger = Array.from({ length: 15 }, (_, i) => intent(i, i));
    const { findings } = evaluate(at(0), rows, ledger);
    const [{ requestId, candidates } = assert.fail()] = findings.filter(({ severity }) => severity === 0);
    assert.equal(requestId, "s15");
    assert.deepEqual(candidates, ["s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14"]);
  });

  test("list no candidate whose intent could not have been the other signature's", () => {
    const rows = [signature("a", 11), signature("b", 200)];
    const [finding] = evaluate(at(0), rows, [intent(1, 10)]).findings;
    assert.deepEqual([finding?.requestId, finding?.candidates], ["b", undefined]);
  });

  test("of the same millisecond are assigned in the order of their ids if the log names no instance", () => {
    const ledger = [intent(1, 10, { instance: "instance-2" }), intent(2, 10)];
    const { covered } = evaluate(at(0), [withoutUserAgent("a", 11), withoutUserAgent("b", 12)], ledger);
    assert.deepEqual(
      covered.map(({ row, ledgerId, coveredBy }) => [row.requestId, ledgerId, coveredBy]),
      [
        ["a", ledger[0]?.id, "unknown"],
        ["b", ledger[1]?.id, "unknown"],
      ],
    );
  });

  test("of the same millisecond at a window boundary cover one signature each, on both sides of the boundary", () => {
    const rows = [signature("a", 290), signature("b", 310), signature("c", 311)];
    const results = evaluateAll([at(0), at(300)], rows, [intent(1, 299), intent(2, 299)]);
    assert.deepEqual(results.map(requests), [[], ["c"]]);
  });

  test("pass the last three that are used to the next window, by key and instance in a fixed order", () => {
    const others = { instance: "an-instance" };
    const ledger = [
      ...Array.from({ length: 5 }, (_, i) => intent(i, 280 + i)),
      ...Array.from({ length: 5 }, (_, i) => intent(10 + i, 290 + i, others)),
    ];
    const rows = [
      ...Array.from({ length: 5 }, (_, i) => signature(`a${i}`, 290 + i)),
      ...Array.from({ length: 5 }, (_, i) => signature(`b${i}`, 290 + i, { clientInfo: "keyhold/an-instance sdk" })),
    ];
    const { carry } = evaluate(at(0), rows, ledger);
    assert.deepEqual(
      Object.entries(carry).map(([name, used]) => [name, used.map(({ requestId }) => requestId)]),
      [
        ["token-signing/v1 an-instance", ["b2", "b3", "b4"]],
        ["token-signing/v1 instance-1", ["a2", "a3", "a4"]],
      ],
    );
    assert.deepEqual(carry["token-signing/v1 instance-1"]?.[2], {
      timeMs: at(284),
      id: intent(4, 0).id,
      requestId: "a4",
    });
  });

  test("of an instance are the same for any letter case of its name and key", () => {
    const ledger = [intent(1, 290), intent(2, 291, { instance: "Instance-1", keyName: "Token-SIGNING" })];
    const rows = [signature("a", 292), signature("b", 293)];
    const { carry, covered } = evaluate(at(0), rows, ledger);
    assert.equal(covered.length, 2);
    assert.deepEqual(Object.keys(carry), ["token-signing/v1 instance-1"]);
  });

  test("are passed on as long as they could cover a later signature", () => {
    const carried = (seconds: number) =>
      Object.keys(evaluate(at(0), [signature("a", seconds)], [intent(1, seconds)]).carry).length;
    assert.deepEqual([carried(209.999), carried(210)], [0, 1]);
  });
});
