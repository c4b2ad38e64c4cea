import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createMintBudget, type MintBudget } from "../../../../src/domain/issuing/mint-budget.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { billingObjectId as billing, exporterObjectId as exporter } from "../../../support/fixtures/ids.ts";
import { holds } from "../../../support/fixtures/property.ts";

function takeMany(budget: MintBudget, caller: typeof billing, count: number, nowMs: number): number {
  return Array.from({ length: count }, () => budget.take(caller, nowMs)).filter(({ ok }) => ok).length;
}

describe("the mint budget", () => {
  test("gives a caller up to its limit at once, and no more", () => {
    const budget = createMintBudget({ perMinute: 100, perMinutePerCaller: 3 });
    assert.equal(takeMany(budget, billing, 10, startMs), 3);
    assert.equal(takeMany(budget, exporter, 10, startMs), 3);
  });

  test("gives all callers together up to the total limit", () => {
    const budget = createMintBudget({ perMinute: 5, perMinutePerCaller: 3 });
    assert.equal(takeMany(budget, billing, 10, startMs), 3);
    assert.equal(takeMany(budget, exporter, 10, startMs), 2);
    const refused = budget.take(exporter, startMs);
    assert.ok(!refused.ok && refused.refusal.budget === "total");
  });

  test("a refusal because of the total budget costs the caller nothing", () => {
    const budget = createMintBudget({ perMinute: 1, perMinutePerCaller: 1 });
    assert.ok(budget.take(billing, startMs).ok);
    assert.ok(!budget.take(exporter, startMs).ok);
    assert.ok(budget.take(exporter, startMs + 60_000).ok);
  });

  test("refills evenly, and states exactly when the next one is available", () => {
    const budget = createMintBudget({ perMinute: 100, perMinutePerCaller: 3 });
    takeMany(budget, billing, 3, startMs);
    const refused = budget.take(billing, startMs + 5_000);
    assert.deepEqual(refused.ok ? {} : refused.refusal, {
      reason: "mint_budget_exceeded",
      callerObjectId: billing,
      budget: "caller",
      retryAfterSeconds: 15,
    });
    assert.ok(!budget.take(billing, startMs + 19_999).ok);
    assert.ok(budget.take(billing, startMs + 20_000).ok);
  });

  test("never holds more than one minute's worth, however long it was unused", () => {
    const budget = createMintBudget({ perMinute: 100, perMinutePerCaller: 3 });
    takeMany(budget, billing, 3, startMs);
    assert.equal(takeMany(budget, billing, 10, startMs + 3_600_000), 3);
  });

  test("a clock that moves back and forth grants nothing extra", () => {
    const budget = createMintBudget({ perMinute: 100, perMinutePerCaller: 2 });
    takeMany(budget, billing, 2, startMs);
    let taken = 0;
    for (let i = 0; i < 10; i += 1) {
      taken += takeMany(budget, billing, 5, startMs - 60_000);
      taken += takeMany(budget, billing, 5, startMs);
    }
    assert.equal(taken, 0);
  });

  test("refills nothing at the instant at which it is used up, for any number of requests", () => {
    const budget = createMintBudget({ perMinute: 60_000, perMinutePerCaller: 60_000 });
    assert.equal(takeMany(budget, billing, 60_010, startMs), 60_000);
    assert.equal(takeMany(budget, billing, 10, startMs + 1), 1);
  });

  test("rounds its wait up, even for a millisecond", () => {
    const budget = createMintBudget({ perMinute: 30, perMinutePerCaller: 30 });
    takeMany(budget, billing, 30, startMs);
    for (const [passedMs, seconds] of [
      [0, 2],
      [999, 2],
      [1_000, 1],
      [1_999, 1],
    ] as const) {
      const refused = budget.take(exporter, startMs + passedMs);
      assert.equal(!refused.ok && refused.refusal.retryAfterSeconds, seconds);
    }
  });

  test("states one second if less is missing, and the whole time if the total is missing one", () => {
    for (const [perMinute, seconds] of [
      [1_000, 1],
      [60, 1],
      [59, 2],
      [7, 9],
    ] as const) {
      const budget = createMintBudget({ perMinute, perMinutePerCaller: 2_000 });
      takeMany(budget, billing, perMinute, startMs);
      const refused = budget.take(exporter, startMs);
      assert.deepEqual(!refused.ok && [refused.refusal.budget, refused.refusal.retryAfterSeconds], ["total", seconds]);
    }
  });

  test("over any time, gives at most the limit plus the refill, and its stated wait is long enough", async (t) => {
    const steps = fc.array(fc.record({ waitMs: fc.nat(20_000), isBilling: fc.boolean() }), { maxLength: 200 });
    const limits = fc.record({
      perMinute: fc.integer({ min: 1, max: 50 }),
      perMinutePerCaller: fc.integer({ min: 1, max: 50 }),
    });
    const property = fc.property(steps, limits, (sequence, limit) => {
      const budget = createMintBudget(limit);
      let nowMs = startMs;
      const taken = { total: 0, billing: 0 };
      for (const { waitMs, isBilling } of sequence) {
        nowMs += waitMs;
        const result = budget.take(isBilling ? billing : exporter, nowMs);
        if (!result.ok) {
          assert.ok(Number.isInteger(result.refusal.retryAfterSeconds) && result.refusal.retryAfterSeconds >= 1);
          continue;
        }
        taken.total += 1;
        if (isBilling) taken.billing += 1;
      }
      const minutes = (nowMs - startMs) / 60_000;
      assert.ok(taken.total <= limit.perMinute * (1 + minutes) + 1e-6);
      assert.ok(taken.billing <= limit.perMinutePerCaller * (1 + minutes) + 1e-6);
    });
    await holds(t, property, 300);
  });
});
