import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createLineWriter } from "../../../../src/adapters/telemetry/event-log.ts";

function output() {
  const written: string[] = [];
  return { written, write: (text: string) => void written.push(text) };
}

test("lines of one turn are written at once, in their order, and those of the next turn after them", async () => {
  const to = output();
  const writer = createLineWriter(to);
  writer.write("a");
  writer.write("b");
  assert.deepEqual(to.written, []);
  await nextTurn();
  writer.write("c");
  await nextTurn();
  assert.deepEqual(to.written, ["a\nb\n", "c\n"]);
});

test("what is collected when the process ends is written, and nothing twice", async () => {
  const to = output();
  const writer = createLineWriter(to);
  writer.write("a");
  writer.flush();
  await nextTurn();
  assert.deepEqual(to.written, ["a\n"]);
});
