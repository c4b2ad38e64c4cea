import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { createLive } from "../../../local/console/live.ts";
import type { Run } from "../../../local/console/snapshot.ts";

function reader() {
  const stream = new PassThrough();
  let status = 0;
  const response = Object.assign(stream, {
    writeHead(code: number) {
      status = code;
      return stream;
    },
  }) as unknown as ServerResponse;
  return { response, stream, text: () => String(stream.read() ?? ""), status: () => status };
}

const run: Run = { id: 1, action: "a", input: {}, title: "a", state: "done", startedMs: 0, lines: [] };

test("a new reader gets everything, and then only the parts that change", () => {
  const live = createLive();
  live.set("requests", []);
  live.set("runs", [run]);
  const one = reader();
  live.follow(one.response);
  assert.equal(one.text(), `retry: 1000\n\ndata: {"requests":[],"runs":${JSON.stringify([run])}}\n\n`);
  live.set("requests", []);
  assert.equal(one.text(), "");
  live.set("runs", []);
  assert.equal(one.text(), 'data: {"runs":[]}\n\n');
  live.stop();
});

test("text that looks like a token or a key's URL is removed, wherever it came from", () => {
  const live = createLive();
  const lines = [
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln",
    "see https://keyhold-local.vault.azure.net/keys/orders-app/0123",
  ];
  live.set("runs", [{ ...run, lines }]);
  const one = reader();
  live.follow(one.response);
  const text = one.text();
  assert.match(text, /Bearer \[removed\]/);
  assert.match(text, /see \[removed\]/);
  assert.doesNotMatch(text, /eyJ|vault\.azure/);
  live.stop();
});

test("a reader that does not read is disconnected, and does not delay the others", () => {
  const live = createLive();
  const [idle, other] = [reader(), reader()];
  Object.defineProperty(idle.response, "writableLength", { value: 2_000_000 });
  live.follow(idle.response);
  live.follow(other.response);
  live.set("runs", [run]);
  assert.ok(idle.stream.destroyed);
  assert.match(other.text(), /"runs"/);
  live.stop();
});

test("the number of readers is limited", () => {
  const live = createLive();
  const readers = Array.from({ length: 17 }, reader);
  for (const { response } of readers) live.follow(response);
  assert.deepEqual(new Set(readers.slice(0, 16).map(({ status }) => status())), new Set([200]));
  assert.equal(readers[16]?.status(), 503);
  live.stop();
});
