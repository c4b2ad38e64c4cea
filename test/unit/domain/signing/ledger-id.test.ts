import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createLedgerId, timeOfLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { holds } from "../../../support/fixtures/property.ts";

describe("a ledger id", () => {
  test("is a UUID version 7 (RFC 9562 §5.7) that contains its time", async (t) => {
    const property = fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (ms) => {
      const id = createLedgerId(ms);
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(timeOfLedgerId(id), ms);
    });
    await holds(t, property, 500);
  });

  test("is never the same twice within one millisecond", () => {
    const ids = Array.from({ length: 1000 }, () => createLedgerId(startMs));
    assert.equal(new Set(ids).size, ids.length);
  });

  test("contains the given random bits, and is the same for the same bits", () => {
    const ones = (bytes: Buffer) => bytes.fill(0xff);
    assert.equal(createLedgerId(startMs, ones).slice(14), "7fff-bfff-ffffffffffff");
    assert.equal(createLedgerId(startMs, ones), createLedgerId(startMs, ones));
    const counted = (bytes: Buffer) => Buffer.from(bytes.map((_, i) => i));
    assert.equal(createLedgerId(startMs, counted).slice(14), "7607-8809-0a0b0c0d0e0f");
  });

  test("sorts by time", () => {
    const ids = [0, 1, 1000, 1e9, 1e12].map((ms) => createLedgerId(startMs + ms));
    assert.deepEqual([...ids].sort(), ids);
  });
});
