import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { expiryWarning } from "../../../../src/domain/credentials/expiry.ts";
import { certificateNotAfterMs } from "../../../support/fixtures/certificates.ts";
import { older } from "../../../support/fixtures/credentials.ts";

const dayMs = 86_400_000;
const daysBefore = (days: number) => certificateNotAfterMs - days * dayMs;

describe("the expiry of a certificate is reported", () => {
  test("only when thirty days or fewer are left", () => {
    assert.equal(expiryWarning(older, daysBefore(30) - 1), undefined);
  });

  for (const [days, severity] of [
    [30, 3],
    [14, 2],
    [7, 1],
    [1, 0],
    [0, 0],
  ] as const) {
    test(`${days} days before, with severity ${severity}`, () => {
      assert.deepEqual(expiryWarning(older, daysBefore(days)), { daysLeft: days, threshold: days, severity });
    });
  }

  test("at any time, however often it is requested", () => {
    for (let i = 0; i < 2; i++) assert.equal(expiryWarning(older, daysBefore(6))?.threshold, 7);
  });

  test("at the nearest threshold if there was no check for a while", () => {
    assert.deepEqual(expiryWarning(older, daysBefore(0.5)), { daysLeft: 0, threshold: 1, severity: 0 });
  });

  test("with a negative number of days after the expiry", () => {
    assert.equal(expiryWarning(older, daysBefore(-2))?.daysLeft, -2);
  });
});
