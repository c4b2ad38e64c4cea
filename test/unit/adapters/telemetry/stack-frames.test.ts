import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createStackFrames } from "../../../../src/adapters/telemetry/stack-frames.ts";
import { parseScope } from "../../../../src/domain/shared/scope.ts";

const { framesOf, inSource } = createStackFrames();
const lines = readFileSync(new URL(import.meta.url), "utf8").split("\n");
const lineOf = (text: string) => lines.findIndex((line) => line.trim().startsWith(text)) + 1;
const secret = "s3cret\n    at stolen (file:///src/stolen.ts:7:7)";

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing is thrown");
}

function failDeep(depth: number): never {
  if (depth > 0) failDeep(depth - 1);
  throw new RangeError(secret);
}

test("the frames are function, file, line and column, innermost first, and contain no part of the message", () => {
  assert.deepEqual(framesOf(thrown(() => failDeep(1))).slice(0, 2), [
    `failDeep stack-frames.test.ts:${lineOf("throw new RangeError")}:9`,
    `failDeep stack-frames.test.ts:${lineOf("if (depth > 0)")}:18`,
  ]);
});

test("a file of src has its path relative to the repository's root", () => {
  const frames = framesOf(thrown(() => parseScope(undefined as never)));
  assert.match(frames[0] ?? "", /^parseScope src\/domain\/shared\/scope\.ts:\d+:\d+$/);
});

test("they are at most 12, however deep the stack", () => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const error = thrown(() => failDeep(40));
  assert.equal(framesOf(error).length, 12);
  Error.stackTraceLimit = limit;
});

test("they are found for a stack that was read earlier, and a message that looks like a frame is not a frame", () => {
  const error = thrown(() => failDeep(0)) as Error;
  assert.match(error.stack ?? "", /stolen/);
  const frames = framesOf(error);
  assert.equal(frames[0], `stack-frames.test.ts:${lineOf("throw new RangeError")}:9`);
  assert.doesNotMatch(frames.join(), /stolen|s3cret/);
  error.message = "changed";
  assert.deepEqual(framesOf(error), []);
});

test("a value without a stack has no frames", () => {
  const hostile = Object.defineProperty(new Error("x"), "stack", { get: () => assert.fail("no stack for you") });
  for (const error of [undefined, "text", { stack: secret }, hostile]) assert.deepEqual(framesOf(error), []);
});

test("reading an error's frames does not change its stack or that of other errors", () => {
  const error = thrown(() => failDeep(0)) as Error;
  framesOf(error);
  assert.match(
    error.stack ?? "",
    /^RangeError: s3cret\n.*\n {4}at failDeep \(file:\/\/\/.*stack-frames\.test\.ts:\d+:9\)\n/,
  );
  assert.match(new Error("next").stack ?? "", /^Error: next\n {4}at /);
});

test("frames without a source map, and those of other packages, stay unchanged", () => {
  const frames = framesOf(thrown(() => failDeep(0)));
  assert.deepEqual(inSource(frames), frames);
  assert.deepEqual(inSource(["a b:1:2"]), ["a b:1:2"]);
});
