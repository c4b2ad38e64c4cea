/** What is warmed up is a help and never a condition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { warmUp } from "../../../../src/adapters/azure/warm-up.ts";

test("parts that fail, in whatever way, keep no other part from being warmed, and fail nothing", async () => {
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

test("parts are warmed side by side", async () => {
  const second = Promise.withResolvers<void>();
  await warmUp([() => second.promise, async () => second.resolve()]);
});
