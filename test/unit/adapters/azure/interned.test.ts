import assert from "node:assert/strict";
import { test } from "node:test";
import { createInterner } from "../../../../src/adapters/azure/interned.ts";

test("texts are returned unchanged, however many there are, and at most a thousand are kept", (t) => {
  const set = t.mock.method(Map.prototype, "set");
  const intern = createInterner();
  const texts = Array.from({ length: 2_000 }, (_, i) => `text ${i}`);
  assert.deepEqual(texts.map(intern), texts);
  assert.deepEqual(texts.map(intern), texts);
  const held = set.mock.calls.map(({ arguments: [text] }) => text).filter((text) => String(text).startsWith("text "));
  assert.deepEqual(held, texts.slice(0, 1_000), "each once");
});

test("an equal text is replaced by the one that is kept", (t) => {
  const intern = createInterner();
  intern("a");
  const get = t.mock.method(Map.prototype, "get", () => "the one that is held");
  assert.equal(intern("a"), "the one that is held");
  get.mock.restore();
});
