import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bandOf, defaultColdStartHigh } from "../../../../src/domain/audit/baseline.ts";
import {
  type Band,
  highestUsual,
  hourMs,
  type JudgedWindow,
  type SignHistory,
  type SignRateVerdict,
  spans,
  weekMs,
  windowMs,
} from "../../../../src/domain/audit/sign-rate.ts";
import { judge, opensEpisode } from "../../../../src/domain/audit/sign-rate-verdict.ts";
import { holds } from "../../../support/fixtures/property.ts";

/** A Wednesday, 10:00 UTC. */
const nowMs = Date.UTC(2027, 2, 3, 10);
const placeholder: Band = { low: 2, median: 20, high: 66, quietest: 20, busiest: 20, spread: 0, basis: "history" };
const steady: Band = bandOf(
  nowMs,
  historyOf(() => 20),
);

/** Windows of eight weeks and an hour before `nowMs`, and an hour after it in earlier weeks. */
function historyOf(
  signsAt: (startMs: number) => number,
  { weeks = 8, verdictAt = (): SignRateVerdict => "normal", band = placeholder }: HistoryOptions = {},
): SignHistory & Map<number, JudgedWindow> {
  const history = new Map<number, JudgedWindow>();
  for (let startMs = nowMs - weeks * weekMs - 12 * windowMs; startMs < nowMs; startMs += windowMs) {
    history.set(startMs, { startMs, signs: signsAt(startMs), verdict: verdictAt(startMs), band });
  }
  return history;
}

interface HistoryOptions {
  weeks?: number;
  verdictAt?: (startMs: number) => SignRateVerdict;
  band?: Band;
}

/** Judges these counts one after the other from `nowMs` on. */
function judgeAll(counts: readonly number[], band = steady, history = historyOf(() => 20, { band })) {
  const alarms: number[] = [];
  const verdicts = counts.map((signs, i) => {
    const window = judge({ startMs: nowMs + i * windowMs, signs }, band, history);
    history.set(window.startMs, window);
    if (opensEpisode(window, history)) alarms.push(i);
    return window.verdict;
  });
  return { verdicts, alarms };
}

describe("the band of an hour of the week", () => {
  test("is around the median of the same hour in eight weeks", () => {
    assert.equal(steady.basis, "history");
    assert.equal(steady.median, 20);
    assert.equal(steady.low, 2);
    assert.equal(steady.high, 66);
  });

  test("is not moved by three bad weeks of eight", () => {
    for (const bad of [0, 500]) {
      const band = bandOf(
        nowMs,
        historyOf((startMs) => (startMs < nowMs - 5.5 * weekMs ? bad : 20)),
      );
      assert.equal(band.median, 20);
    }
  });

  test("leaves out the windows that were alarms", () => {
    const wasIncident = (startMs: number) => startMs < nowMs - 2.5 * weekMs;
    const signsAt = (startMs: number) => (wasIncident(startMs) ? 500 : 20);
    const verdictAt = (startMs: number) => (wasIncident(startMs) ? ("above" as const) : ("normal" as const));
    assert.equal(bandOf(nowMs, historyOf(signsAt)).median, 500);
    // Two weeks are left: too few.
    assert.equal(bandOf(nowMs, historyOf(signsAt, { verdictAt })).basis, "cold-start");
    const wasOutage = (startMs: number) => (wasIncident(startMs) ? ("below" as const) : ("normal" as const));
    assert.equal(
      bandOf(
        nowMs,
        historyOf(() => 0, { verdictAt: wasOutage }),
      ).basis,
      "cold-start",
    );
    const atThree = (startMs: number) => (startMs < nowMs - 3.5 * weekMs ? "above" : "normal");
    assert.equal(
      bandOf(
        nowMs,
        historyOf((ms) => (ms < nowMs - 3.5 * weekMs ? 500 : 20), { verdictAt: atThree }),
      ).median,
      20,
    );
  });

  test("treats a week as unknown if less than half of its hour is left", () => {
    const history = historyOf(() => 20, { weeks: 3 });
    for (let i = 0; i < 6; i++) history.delete(nowMs - weekMs + i * windowMs);
    assert.equal(bandOf(nowMs, history).basis, "history");
    history.delete(nowMs - weekMs + 6 * windowMs);
    assert.equal(bandOf(nowMs, history).basis, "cold-start");
  });

  test("is the same for all windows of the hour", () => {
    const history = historyOf((startMs) => (startMs / windowMs) % 17);
    const bands = Array.from({ length: 12 }, (_, i) => bandOf(nowMs + i * windowMs, history));
    for (const band of bands) assert.deepEqual(band, bands[0]);
  });

  test("covers a neighbouring hour, because a change to summer time shifts traffic by an hour", () => {
    const history = historyOf(() => 20);
    for (const window of history.values()) {
      if (new Date(window.startMs).getUTCHours() === 11) history.set(window.startMs, { ...window, signs: 100 });
    }
    assert.equal(bandOf(nowMs, history).median, 20);
    assert.equal(bandOf(nowMs, history).busiest, 100);
  });

  test("expects a batch in an hour that has one every week", () => {
    const band = bandOf(
      nowMs,
      historyOf((startMs) => (startMs % hourMs < 2 * windowMs ? 50 : 0)),
    );
    assert.equal(band.median, 50 / 6);
    assert.equal(band.busiest, 50);
  });

  test("is ordered and finite for any history", async (t) => {
    const counts = fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 60 });
    const property = fc.property(counts, fc.integer({ min: 0, max: 8 }), (signs, weeks) => {
      const band = bandOf(
        nowMs,
        historyOf((startMs) => signs[(startMs / windowMs) % signs.length] ?? 0, { weeks }),
      );
      assert.ok(0 <= band.low && band.low <= band.median && band.median <= band.high && Number.isFinite(band.high));
      assert.ok(band.quietest <= band.median && band.median <= Math.max(band.busiest, band.median));
      assert.ok(band.spread >= 0);
    });
    await holds(t, property, 60);
  });

  test("grows with the traffic, and becomes narrower relative to it", async (t) => {
    const property = fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 2, max: 20 }), (signs, factor) => {
      const one = bandOf(
        nowMs,
        historyOf(() => signs),
      );
      const more = bandOf(
        nowMs,
        historyOf(() => signs * factor),
      );
      assert.equal(more.median, one.median * factor);
      assert.ok(more.high > one.high && more.high <= one.high * factor + 1e-9);
    });
    await holds(t, property, 30);
  });
});

describe("a cold start", () => {
  test("lasts while fewer than three weeks are known", () => {
    assert.equal(
      bandOf(
        nowMs,
        historyOf(() => 20, { weeks: 2 }),
      ).basis,
      "cold-start",
    );
    assert.equal(
      bandOf(
        nowMs,
        historyOf(() => 20, { weeks: 3 }),
      ).basis,
      "history",
    );
  });

  test("compares only with its static limit, and never reports a rate as below", () => {
    const band = bandOf(nowMs, new Map());
    const { verdicts } = judgeAll(
      [0, 0, defaultColdStartHigh, defaultColdStartHigh + 1],
      band,
      historyOf(() => 0, { band }),
    );
    assert.deepEqual(verdicts, ["not-judged", "not-judged", "not-judged", "above"]);
  });

  test("has a different limit for a key that is known to be busier", () => {
    assert.equal(bandOf(nowMs, new Map(), 5000).high, 5000);
  });
});

describe("a verdict", () => {
  test("is normal for a constant rate", async (t) => {
    const property = fc.property(fc.integer({ min: 0, max: 2000 }), (signs) => {
      const band = bandOf(
        nowMs,
        historyOf(() => signs),
      );
      const { verdicts } = judgeAll(
        Array(24).fill(signs),
        band,
        historyOf(() => signs, { band }),
      );
      assert.ok(verdicts.every((verdict) => verdict === "normal"));
    });
    await holds(t, property, 30);
  });

  test("is above in the second window of a threefold burst", () => {
    assert.deepEqual(judgeAll([20, 60, 60, 20]).verdicts, ["normal", "normal", "above", "normal"]);
  });

  test("is above at once if one window is beyond the band", () => {
    assert.deepEqual(judgeAll([66, 20, 67]).verdicts, ["normal", "normal", "above"]);
  });

  test("is not above for a deployment: 1.8 times for one window", () => {
    assert.deepEqual(judgeAll([20, 36, 20, 20, 36]).alarms, []);
  });

  test("is above within an hour if the rate is nearly double", () => {
    assert.equal(judgeAll(Array(12).fill(38)).verdicts.at(-1), "above");
  });

  test("is below in the second window without a signature, if ten are missing", () => {
    assert.deepEqual(judgeAll([20, 0, 0, 0, 20]).verdicts, ["normal", "normal", "below", "below", "normal"]);
  });

  test("is below although a dead broker still retries a little", () => {
    assert.deepEqual(judgeAll([1, 2, 1]).verdicts, ["normal", "below", "below"]);
  });

  test("is not below on a holiday, when the two hours before were just as low", () => {
    const history = historyOf((startMs) => (startMs < nowMs - 24 * windowMs ? 20 : 3), { band: steady });
    assert.deepEqual(judgeAll([2, 2, 0, 2, 1, 3], steady, history).alarms, []);
  });

  test("is not below if earlier windows are unknown, because the day's level is unknown too", () => {
    const history = historyOf(() => 20, { band: steady });
    history.delete(nowMs - 5 * windowMs);
    assert.deepEqual(judgeAll([0, 0, 0], steady, history).alarms, []);
  });

  test("is below after a day and two hours without the nightly batch", () => {
    const quiet: Band = { ...placeholder, low: 0, median: 0, quietest: 0, busiest: 1 };
    const isBatch = (startMs: number) => startMs >= nowMs - 30 * windowMs && startMs < nowMs - 24 * windowMs;
    const history = historyOf(() => 0, { band: quiet });
    for (const [startMs, window] of history) {
      if (isBatch(startMs)) history.set(startMs, { ...window, band: { ...quiet, median: 25 } });
    }
    assert.deepEqual(judgeAll([0], quiet, history).verdicts, ["below"]);
    history.set(nowMs - 311 * windowMs, { startMs: nowMs - 311 * windowMs, signs: 1, verdict: "normal", band: quiet });
    assert.deepEqual(judgeAll([0], quiet, history).verdicts, ["normal"]);
  });

  test("raises one alarm per episode, and another after an hour of calm", () => {
    const calm = (length: number) => Array(length).fill(20);
    assert.deepEqual(judgeAll([90, 90, ...calm(11), 90]).alarms, [0]);
    assert.deepEqual(judgeAll([90, 90, ...calm(12), 90]).alarms, [0, 14]);
    assert.deepEqual(judgeAll([90, 0, 0]).alarms, [0, 2]);
  });
});

describe("the usual maximum of signatures", () => {
  test("is higher for a higher rate or a larger spread, and never lower than the expected number", async (t) => {
    const property = fc.property(
      fc.constantFrom(...spans),
      fc.double({ min: 0, max: 1e5, noNaN: true }),
      fc.double({ min: 0, max: 1e3, noNaN: true }),
      (span, expected, spread) => {
        const high = highestUsual(span, expected, spread);
        assert.ok(high > expected);
        assert.ok(highestUsual(span, expected + 1, spread) > high && highestUsual(span, expected, spread + 1) >= high);
      },
    );
    await holds(t, property);
  });
});
