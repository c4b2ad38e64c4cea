import assert from "node:assert/strict";
import { test } from "node:test";
import { createLineWriter } from "../../../../src/adapters/telemetry/event-log.ts";

function output() {
  const written: string[] = [];
  return { written, write: (text: string) => void written.push(text) };
}

test("lines of 20 ms are written at once, in their order, before later ones", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const to = output();
  const writer = createLineWriter(to);
  writer.write("a");
  mock.timers.tick(19);
  writer.write("b");
  assert.deepEqual(to.written, []);
  mock.timers.tick(1);
  writer.write("c");
  mock.timers.tick(20);
  mock.timers.tick(20);
  assert.deepEqual(to.written, ["a\nb\n", "c\n"]);
});

test("lines that are collected when the process ends are written, and no line twice", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const to = output();
  const writer = createLineWriter(to);
  writer.write("a");
  writer.flush();
  mock.timers.tick(20);
  assert.deepEqual(to.written, ["a\n"]);
});
