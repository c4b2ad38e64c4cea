/** Bands in numbers, calculated by hand. A constant that changes here changes which alarms are raised at night. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bandOf, defaultColdStartHigh } from "../../../../src/domain/audit/baseline.ts";
import {
  type Band,
  highestUsual,
  hourMs,
  type JudgedWindow,
  weekMs,
  windowMs,
} from "../../../../src/domain/audit/sign-rate.ts";

/** A Wednesday, 10:00 UTC. */
const nowMs = Date.UTC(2027, 2, 3, 10);
const band: Band = { low: 0, median: 0, high: 0, quietest: 0, busiest: 0, spread: 0, basis: "history" };

/** `signsAt` by week (1 is the last) and window (0 is the first of the hour of `nowMs`); undefined: never counted. */
function history(signsAt: (week: number, window: number) => number | undefined) {
  const windows = new Map<number, JudgedWindow>();
  for (let week = 1; week <= 10; week++) {
    for (let window = -36; window < 48; window++) {
      const startMs = nowMs - week * weekMs + window * windowMs;
      const signs = signsAt(week, window);
      if (signs !== undefined) windows.set(startMs, { startMs, signs, verdict: "normal", band });
    }
  }
  return windows;
}
const isHere = (window: number) => window >= 0 && window < 12;

describe("the band", () => {
  test("looks back eight weeks and no further", () => {
    assert.equal(
      bandOf(
        nowMs,
        history((week) => (week <= 4 ? 10 : 30)),
      ).median,
      20,
    );
    assert.equal(
      bandOf(
        nowMs,
        history((week) => (week === 9 ? undefined : week <= 8 ? 10 : 500)),
      ).busiest,
      10,
    );
  });

  test("has the middle week as its median for an odd number of weeks, and the mean of the middle two for an even number", () => {
    const rates = [40, 10, 20, 90];
    assert.equal(
      bandOf(
        nowMs,
        history((week) => (week <= 3 ? rates[week - 1] : undefined)),
      ).median,
      20,
    );
    assert.equal(
      bandOf(
        nowMs,
        history((week) => rates[week - 1]),
      ).median,
      30,
    );
  });

  test("expects one signature an hour for a key that never signs", () => {
    const { high, ...rest } = bandOf(
      nowMs,
      history(() => 0),
    );
    const nothing = { low: 0, median: 0, quietest: 0, spread: 0, basis: "history" };
    assert.deepEqual(rest, { ...nothing, busiest: 1 / 12 });
    assert.equal(high, highestUsual(1, 1 / 12, 0));
  });

  test("has the spread of a standard deviation, from the median deviation", () => {
    const found = bandOf(
      nowMs,
      history((week) => (week % 2 === 0 ? 10 : 20)),
    );
    assert.equal(found.spread, 1.4826 * 5);
    assert.equal(found.median, 15);
    assert.equal(found.high, highestUsual(1, 15, 1.4826 * 5));
  });

  test("measures the deviations of each hour from that hour's own median", () => {
    const found = bandOf(
      nowMs,
      history((week, window) => (isHere(window) ? 10 : 110) + (week % 2)),
    );
    assert.equal(found.spread, 1.4826 * 0.5);
  });

  for (const [what, isBusy] of [
    ["before", (window: number) => window < 0],
    ["after", (window: number) => window >= 12],
  ] as const) {
    test(`is as wide as the hour ${what} it, and looks no further`, () => {
      const busy = bandOf(
        nowMs,
        history((_, window) => (isBusy(window) ? 100 : 20)),
      );
      assert.deepEqual([busy.low, busy.quietest, busy.median, busy.busiest], [2, 20, 20, 100]);
      const quiet = bandOf(
        nowMs,
        history((_, window) => (isBusy(window) ? 10 : 20)),
      );
      assert.deepEqual([quiet.low, quiet.quietest, quiet.median, quiet.busiest], [1, 10, 20, 20]);
      const far = bandOf(
        nowMs,
        history((_, window) => (window < -12 || window >= 24 ? 100 : 20)),
      );
      assert.deepEqual([far.quietest, far.busiest], [20, 20]);
    });
  }

  test("ignores a neighbouring hour that is known for only two weeks", () => {
    const signsAt = (weeks: number) => (week: number, window: number) =>
      isHere(window) ? 20 : window < 0 && week <= weeks ? 500 : undefined;
    assert.equal(bandOf(nowMs, history(signsAt(2))).quietest, 20);
    assert.deepEqual([bandOf(nowMs, history(signsAt(2))).spread, bandOf(nowMs, history(signsAt(3))).busiest], [0, 500]);
  });

  test("expects a peak that chance does not explain: three and a half spreads above the rate", () => {
    // Four a window, the root of which is two: a peak of eleven may be chance.
    const withPeak = (peak: number, others: readonly number[]) =>
      bandOf(
        nowMs,
        history((_, window) => [peak, ...others][(window + 36) % 12]),
      ).busiest;
    assert.equal(withPeak(11, [3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4]), 4);
    assert.equal(withPeak(12, [3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4]), 12);
  });

  test("expects a peak that comes up to an hour earlier or later in other weeks", () => {
    const busiest = (at: number) =>
      bandOf(
        nowMs,
        history((_, window) => (window === at ? 60 : 0)),
      ).busiest;
    for (const at of [-12, 0, 11, 23]) assert.equal(busiest(at), 60, `${at}`);
    for (const at of [-13, 24]) assert.equal(busiest(at), 1 / 12, `${at}`);
  });

  test("takes the peak only from weeks in which at least half of each hour is known", () => {
    const isKnown = (week: number, window: number) => week <= 3 || (week <= 7 && window === 0);
    const found = bandOf(
      nowMs,
      history((week, window) => (isKnown(week, window) ? (window === 0 ? 60 : 0) : undefined)),
    );
    assert.equal(found.busiest, 60);
    const lone = bandOf(
      nowMs,
      history((week, window) => (isKnown(week, window) ? (week <= 3 ? 2 : 500) : undefined)),
    );
    assert.equal(lone.busiest, 2);
  });

  test("takes the peak from weeks of which half an hour is known, wherever it lies", () => {
    const busiest = (known: number) =>
      bandOf(
        nowMs,
        history((week, window) => {
          if (week <= 3) return 2;
          return (window < 0 && window >= -3) || (window >= 12 && window < 9 + known) ? 500 : undefined;
        }),
      ).busiest;
    assert.deepEqual([busiest(5), busiest(6)], [2, 500]);
  });

  test("has only a static limit during a cold start", () => {
    assert.deepEqual(bandOf(nowMs, new Map()), {
      ...{ low: 0, median: 0, high: defaultColdStartHigh, quietest: 0, busiest: 0, spread: 0, basis: "cold-start" },
    });
    assert.equal(defaultColdStartHigh, 1_000);
  });

  test("belongs to the hour that contains the window", () => {
    const signs = history((_, window) => (isHere(window) ? 20 : 5));
    assert.equal(bandOf(nowMs + hourMs - windowMs, signs).median, 20);
    assert.equal(bandOf(nowMs + hourMs, signs).median, 5);
  });
});

test("the usual maximum of one, two and twelve windows", () => {
  // 4.7 deviations of chance and spread, and the skew (4.7^2 - 1) / 6.
  const skew = (4.7 ** 2 - 1) / 6;
  assert.equal(highestUsual(1, 4, 0), 4 + 4.7 * 2 + skew);
  assert.equal(highestUsual(12, 16, 3), 16 + 4.7 * 5 + skew);
  assert.deepEqual(
    ([1, 2, 12] as const).map((span) => highestUsual(span, 10_000, 0)),
    [33_000, 22_000, 17_500],
  );
});
