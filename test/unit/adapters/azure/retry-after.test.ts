import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseRetryAfter } from "../../../../src/adapters/azure/error.ts";

const nowMs = Date.UTC(1994, 10, 6, 8, 49, 37);

describe("a Retry-After header (RFC 9110 §10.2.3)", () => {
  const headers: [header: string | null | undefined, seconds: number | undefined][] = [
    ["0", 0],
    ["120", 120],
    ["3600", 3_600],
    ["99999", 3_600],
    ["Sun, 06 Nov 1994 08:50:07 GMT", 30],
    ["Sunday, 06-Nov-94 08:50:07 GMT", 30],
    ["Sun Nov  6 08:50:07 1994", 30],
    ["Sun, 06 Nov 1994 08:49:36 GMT", 0],
    ["Mon, 07 Nov 1994 08:49:37 GMT", 3_600],
    ["Sun, 06 Nov 1994 08:50:07 +0100", undefined],
    ["Sun, 99 Nov 1994 08:50:07 GMT", undefined],
    ["1994-11-06T08:50:07Z", undefined],
    ["1994", 1_994],
    ["-1", undefined],
    ["1.5", undefined],
    ["9999999999", 3_600],
    ["99999999999", undefined],
    ["7s", undefined],
    ["s7", undefined],
    ["xSun, 06 Nov 1994 08:50:07 GMT", undefined],
    ["Sun, 06 Nov 1994 08:50:07 GMTx", undefined],
    ["xSun Nov  6 08:50:07 1994", undefined],
    ["Sun Nov  6 08:50:07 1994x", undefined],
    ["Sun, 06 Nov 1994 08:50:07 GMT (x)", undefined],
    ["Sun Nov  6 08:50:07 1994 (x)", undefined],
    ["Sun, 06 Nov 1994 08:49:38 GMT", 1],
    ["1e3", undefined],
    ["", undefined],
    [null, undefined],
    [undefined, undefined],
  ];
  for (const [header, seconds] of headers) {
    test(`${JSON.stringify(header)} asks for ${seconds ?? "no"} seconds`, () => {
      assert.equal(parseRetryAfter(header, nowMs), seconds);
    });
  }

  test("that is a date asks for whole seconds, rounded up, and counts them in milliseconds", () => {
    assert.equal(parseRetryAfter("Sun, 06 Nov 1994 08:50:07 GMT", nowMs + 500), 30);
    assert.equal(parseRetryAfter("Sun, 06 Nov 1994 09:39:37 GMT", nowMs), 3_000);
  });
});
