import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  hourOf,
  hourOfPartition,
  keyAt,
  ledgerPartitions,
  partitionOf,
} from "../../../../src/adapters/storage/ledger-partition.ts";
import { hourMs } from "../../../../src/domain/audit/ledger-search.ts";
import { parseGuid } from "../../../../src/domain/shared/guid.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";

const hour = Date.UTC(2027, 0, 1, 12);

describe("a partition", () => {
  test("is named by its hour and the last digit of the id", () => {
    const hex = `${keyAt(hour + 5)}-7000-8000-0000000000`;
    assert.equal(partitionOf(parseGuid(`${hex}a7`) ?? assert.fail()), "2027-01-01T12_7");
    assert.equal(partitionOf(parseGuid(`${hex}7a`) ?? assert.fail()), "2027-01-01T12_a");
  });

  test("is one of sixteen of its hour, which hold every id of it and sort by time", () => {
    const names = Array.from("0123456789abcdef", (digit) => `2027-01-01T12_${digit}`);
    for (const timeMs of [hour, hour + hourMs - 1]) assert.deepEqual(ledgerPartitions(timeMs), names);
    for (let i = 0; i < 100; i++) assert.ok(names.includes(partitionOf(createLedgerId(hour + i))));
    assert.ok((ledgerPartitions(hour - 1).at(-1) ?? "") < (names[0] ?? ""));
  });

  test("gives the start of its hour", () => {
    for (const name of ledgerPartitions(hour + 5)) assert.equal(hourOfPartition(name), hour);
    assert.equal(hourOf(hour + 5), "2027-01-01T12");
  });

  for (const name of [
    "2027-01-01T12",
    "2027-01-01T12_g",
    "2027-01-01T12_00",
    "2027-01-01T052027-01-01T12_0",
    "2027-13-01T12_0",
  ]) {
    test(`that Keyhold does not write has no hour: ${name}`, () => assert.equal(hourOfPartition(name), Number.NaN));
  }
});

describe("the lowest row key of a time", () => {
  test("is not above any id of its millisecond, and above all ids of the one before", () => {
    for (const timeMs of [0, 1, hour, hour + 1]) {
      assert.ok(keyAt(timeMs) <= createLedgerId(timeMs, (bytes) => bytes.fill(0)));
      if (timeMs > 0) assert.ok(keyAt(timeMs) > createLedgerId(timeMs - 1, (bytes) => bytes.fill(0xff)));
    }
  });

  test("is that of 1970 for an earlier time, and that of the whole millisecond for a part of it", () => {
    for (const timeMs of [-1, 0, 0.9]) assert.equal(keyAt(timeMs), "00000000-0000");
    assert.equal(keyAt(hour + 0.9), keyAt(hour));
  });
});
