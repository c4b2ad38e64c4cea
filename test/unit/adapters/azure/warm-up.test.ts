/** The warm-up helps, but nothing depends on it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { warmUp } from "../../../../src/adapters/azure/warm-up.ts";

test("a part that fails, in any way, does not stop the others from being warmed up, and fails nothing", async () => {
  const warmed: string[] = [];
  await warmUp([
    () => Promise.reject(new Error("down")),
    () => {
      throw new TypeError("at once");
    },
    async () => warmed.push("first"),
    async () => warmed.push("second"),
  ]);
  assert.deepEqual(warmed, ["first", "second"]);
});

test("parts are warmed up in parallel", async () => {
  const second = Promise.withResolvers<void>();
  await warmUp([() => second.promise, async () => second.resolve()]);
});

test("what is there already comes between the parts, which begin one by one", async () => {
  const order: string[] = [];
  const part = (name: string) => async () => order.push(name);
  const warming = warmUp([part("first"), part("second"), part("third")]);
  setImmediate(() => order.push("a request"));
  await warming;
  assert.ok(order.slice(0, -1).includes("a request"), order.join());
});

test("a part that hangs is waited for 10 s at most", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let hasEnded = false;
  void warmUp([() => new Promise(() => {})]).then(() => {
    hasEnded = true;
  });
  for (const [ms, expected] of [
    [9_999, false],
    [1, true],
  ] as const) {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    assert.equal(hasEnded, expected);
  }
});
