import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  createRefreshRequests,
  parseRefreshRequests,
  refreshRequestsText,
} from "../../../../src/adapters/policy/refresh-requests.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";

const request = {
  ...{ source: contosoId, id: "00000000-0000-4000-8000-000000000001" },
  ...{ by: "anna@example.com", at: "2026-06-01T12:00:00.000Z" },
};
const document = { version: 1 as const, requests: [request] };

describe("a document of requests", () => {
  test("is read as written", () => {
    assert.deepEqual(parseRefreshRequests(refreshRequestsText(document)), document);
  });

  test("may have this length, and can be read by people, too", () => {
    const longest = { ...request, source: "x".repeat(100), by: "x".repeat(200) };
    const many = { ...document, requests: Array.from({ length: 10_000 }, () => longest) };
    assert.deepEqual(parseRefreshRequests(JSON.stringify(many)), many);
    const text = refreshRequestsText(document);
    assert.ok(text.includes('\n      "by": "anna@example.com"') && text.endsWith("\n}\n"), text);
  });

  const invalid: [what: string, text: string][] = [
    ["no JSON", "{"],
    ["of another version", JSON.stringify({ ...document, version: 2 })],
    ["with a member that nobody knows", JSON.stringify({ ...document, urgent: true })],
    ["with an id that is no GUID", JSON.stringify({ ...document, requests: [{ ...request, id: "1" }] })],
    [
      "with a time that is none",
      JSON.stringify({ ...document, requests: [{ ...request, at: "2026-02-30T00:00:00Z" }] }),
    ],
    [
      "with a source that is too long",
      JSON.stringify({ ...document, requests: [{ ...request, source: "x".repeat(101) }] }),
    ],
    ["with a name that is too long", JSON.stringify({ ...document, requests: [{ ...request, by: "x".repeat(201) }] })],
    ["with a misspelt key", JSON.stringify({ ...document, requests: [{ ...request, By: "x" }] })],
    ["with too many", JSON.stringify({ ...document, requests: Array.from({ length: 10_001 }, () => request) })],
  ];
  for (const [what, text] of invalid) {
    test(`that is ${what} is not valid, and requests nothing`, async () => {
      assert.equal(parseRefreshRequests(text), undefined);
      assert.deepEqual(await createRefreshRequests(async () => ({ etag: "1", text }))(), []);
    });
  }
});

describe("reading the requests", () => {
  test("sends the previous ETag, and keeps what has not changed", async () => {
    const etags: (string | undefined)[] = [];
    const read = createRefreshRequests(async (etag) => {
      etags.push(etag);
      return etag === undefined ? { etag: "1", text: refreshRequestsText(document) } : undefined;
    });
    assert.deepEqual(await read(), [request]);
    assert.deepEqual(await read(), [request]);
    assert.deepEqual(etags, [undefined, "1"]);
  });

  test("clears its state if the document was deleted, and reads the next one completely", async () => {
    const etags: (string | undefined)[] = [];
    let isGone = false;
    const read = createRefreshRequests(async (etag) => {
      etags.push(etag);
      if (isGone) throw Object.assign(new Error("x"), { code: "ENOENT" });
      return { etag: "1", text: refreshRequestsText(document) };
    });
    await read();
    isGone = true;
    assert.deepEqual(await read(), []);
    isGone = false;
    assert.deepEqual(await read(), [request]);
    assert.deepEqual(etags, [undefined, "1", undefined]);
  });

  test("finds none if there is no document, and fails if storage fails", async () => {
    const failing = (error: Error) => createRefreshRequests(() => Promise.reject(error))();
    assert.deepEqual(await failing(Object.assign(new Error("x"), { code: "ENOENT" })), []);
    await assert.rejects(failing(new Error("storage is down")));
  });
});
