/** Verdicts in numbers: at which count, and after how many windows, an alarm is raised. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Band,
  highestUsual,
  type JudgedWindow,
  type SignRateVerdict,
  windowMs,
} from "../../../../src/domain/audit/sign-rate.ts";
import { abnormalWindow, judge, opensEpisode } from "../../../../src/domain/audit/sign-rate-verdict.ts";

const nowMs = Date.UTC(2027, 2, 3, 10);
const usual: Band = { low: 2, median: 20, high: 66, quietest: 20, busiest: 20, spread: 0, basis: "history" };

/** Windows before `nowMs`, the last one at the end, with what was judged of them. */
function historyOf(counts: readonly number[], more: Partial<JudgedWindow> = {}) {
  const windows = counts.map((signs, i): [number, JudgedWindow] => {
    const startMs = nowMs - (counts.length - i) * windowMs;
    return [startMs, { startMs, signs, verdict: "normal", band: usual, ...more }];
  });
  return new Map(windows);
}
const verdictOf = (signs: number, before: Map<number, JudgedWindow>, band = usual) =>
  judge({ startMs: nowMs, signs }, band, before).verdict;
const repeat = (count: number, signs: number) => Array<number>(count).fill(signs);

describe("a rate is above", () => {
  test("if one window has more than one window usually has", () => {
    const limit = Math.floor(highestUsual(1, 20, 0));
    assert.equal(verdictOf(limit, historyOf(repeat(30, 20))), "normal");
    assert.equal(verdictOf(limit + 1, historyOf(repeat(30, 20))), "above");
  });

  test("if two windows, or an hour, together have more than they usually have", () => {
    const two = Math.floor(highestUsual(2, 40, 0));
    assert.equal(verdictOf(two - 50, historyOf([...repeat(30, 20), 50])), "normal");
    assert.equal(verdictOf(two - 49, historyOf([...repeat(30, 20), 50])), "above");
    const hour = Math.floor(highestUsual(12, 240, 0));
    const elevens = (sum: number) => [...repeat(30, 20), ...repeat(10, 34), sum - 10 * 34 - 36];
    assert.equal(verdictOf(36, historyOf(elevens(hour))), "normal");
    assert.equal(verdictOf(36, historyOf(elevens(hour + 1))), "above");
  });

  test("never in a window that is itself within the band, or after an unknown or cold-start window", () => {
    const burst = [...repeat(30, 20), 80];
    assert.equal(verdictOf(20, historyOf(burst)), "normal");
    assert.equal(verdictOf(21, historyOf(burst)), "above");
    const unknown = historyOf(burst);
    unknown.delete(nowMs - windowMs);
    assert.equal(verdictOf(21, unknown), "normal");
    assert.equal(verdictOf(21, historyOf(burst, { band: { ...usual, basis: "cold-start" } })), "normal");
  });

  test("measured by the spread of all its windows", () => {
    const wide = { ...usual, spread: 10 };
    const limit = Math.floor(highestUsual(1, 20, 10));
    assert.equal(verdictOf(limit, historyOf(repeat(30, 20)), wide), "normal");
    assert.equal(verdictOf(limit + 1, historyOf(repeat(30, 20)), wide), "above");
  });
});

describe("a rate is below", () => {
  const five: Band = { ...usual, low: 0, median: 5, quietest: 5, busiest: 5 };
  const fives = (...last: number[]) => historyOf([...repeat(40, 5), ...last], { band: five });

  test("if ten signatures are missing: after three windows in which about five are expected", () => {
    assert.equal(verdictOf(0, fives(0), five), "normal");
    assert.equal(verdictOf(0, fives(0, 0), five), "below");
  });

  test("in the second quiet window at the earliest, and up to the count that counts as quiet", () => {
    assert.equal(verdictOf(0, historyOf(repeat(40, 20))), "normal");
    assert.equal(verdictOf(1, historyOf([...repeat(40, 20), 2])), "below");
    assert.equal(verdictOf(3, historyOf([...repeat(40, 20), 0])), "normal");
    assert.equal(verdictOf(0, historyOf([...repeat(40, 20), 3])), "normal");
  });

  test("if at most a tenth of the expected signatures were made", () => {
    // At the level before, some 19 a window are missed: 3.8 is a tenth of two, and each may have two.
    assert.equal(verdictOf(1, historyOf([...repeat(40, 20), 2])), "below");
    assert.equal(verdictOf(2, historyOf([...repeat(40, 20), 2])), "normal");
  });

  test("until a window is no longer quiet", () => {
    const below = historyOf([...repeat(40, 20), 0, 0]);
    const last = below.get(nowMs - windowMs) ?? assert.fail();
    below.set(nowMs - windowMs, { ...last, verdict: "below" });
    assert.equal(verdictOf(2, below), "below");
    assert.equal(verdictOf(3, below), "normal");
    const night = { ...usual, low: 0, quietest: 0 };
    assert.equal(verdictOf(0, below, night), "below", "an hour in which nothing is expected changes nothing");
    assert.equal(verdictOf(0, historyOf(repeat(40, 0), { band: night }), night), "normal");
  });

  test("compared with the level of the two hours before, which must be known", () => {
    const two = (level: number, length = 24) => historyOf([...repeat(10, 20), ...repeat(length, level), 0]);
    assert.equal(verdictOf(0, two(7)), "below", "12.9 are missed");
    assert.equal(verdictOf(0, two(5)), "normal", "9.1 are missed");
    const gap = historyOf([...repeat(40, 20), 0]);
    gap.delete(nowMs - 25 * windowMs);
    assert.equal(verdictOf(0, gap), "normal");
    const older = historyOf([...repeat(40, 20), 0]);
    older.delete(nowMs - 26 * windowMs);
    assert.equal(verdictOf(0, older), "below");
  });

  test("from exactly ten missing signatures on, and up to exactly a tenth made", () => {
    const band = (quietest: number) => ({ ...usual, low: 1, quietest });
    const verdict = (quietest: number, signs: number) =>
      verdictOf(signs, historyOf([...repeat(40, 20), signs], { band: band(quietest) }), band(quietest));
    assert.deepEqual([verdict(4.99, 0), verdict(5, 0)], ["normal", "below"]);
    assert.deepEqual([verdict(9.99, 1), verdict(10, 1)], ["normal", "below"]);
  });

  test("compared with all signatures of the two hours before, less what is chance", () => {
    // 120 are expected to be left: 132 - 11.5 are more, 131 - 11.4 are less.
    const verdict = (last: number) => verdictOf(0, historyOf([...repeat(16, 20), ...repeat(23, 5), last, 0]));
    assert.deepEqual([verdict(16), verdict(17)], ["normal", "below"]);
  });

  test("never after two hours that are not all known, however long the run is", () => {
    const gap = historyOf([...repeat(40, 20), ...repeat(20, 0)]);
    gap.delete(nowMs - 30 * windowMs);
    assert.equal(verdictOf(0, gap), "normal");
  });

  test("if one signature a window is expected, after as many windows as that takes", () => {
    const one: Band = { ...usual, low: 0, median: 1, quietest: 1, busiest: 1 };
    const ones = (quiet: number) => historyOf([...repeat(40, 1), ...repeat(quiet, 0)], { band: one });
    assert.deepEqual([verdictOf(0, ones(11), one), verdictOf(0, ones(12), one)], ["normal", "below"]);
  });

  test("not because of an hour in which nothing is expected, after a single quiet window", () => {
    const night = { ...usual, low: 0, quietest: 0 };
    assert.equal(verdictOf(0, historyOf([...repeat(40, 20), 0]), night), "normal");
    assert.equal(verdictOf(0, historyOf([...repeat(40, 20), 0])), "below", "by day it is the second one");
  });

  test("for as long as it lasts, even if the level before no longer shows that ten are missing", () => {
    const low = historyOf([...repeat(40, 3), 0]);
    assert.equal(verdictOf(0, low), "normal");
    const last = low.get(nowMs - windowMs) ?? assert.fail();
    low.set(nowMs - windowMs, { ...last, verdict: "below" });
    assert.equal(verdictOf(0, low), "below");
  });

  test("by what is missing in a day and two hours, and not in a longer run", () => {
    const verdict = (windows: number) => {
      const sparse: Band = { ...usual, low: 0, median: 0, quietest: 10 / windows, busiest: 1 };
      return verdictOf(0, historyOf([...repeat(24, 1), ...repeat(320, 0)], { band: sparse }), sparse);
    };
    assert.deepEqual([verdict(311.5), verdict(312.5)], ["below", "normal"]);
  });

  test("after a day and two hours without a signature, if ten were expected in that time", () => {
    const rare: Band = { ...usual, low: 0, median: 10 / 312, quietest: 0, busiest: 1 };
    const silent = (count: number) => historyOf(repeat(count, 0), { band: rare });
    assert.equal(verdictOf(0, silent(310), rare), "normal");
    assert.equal(verdictOf(0, silent(311), { ...rare, median: rare.median + 1e-9 }), "below");
    assert.equal(verdictOf(0, silent(311), { ...rare, median: rare.median / 2 }), "normal");
    assert.equal(verdictOf(1, silent(311), { ...rare, median: 1 }), "normal");
    const batch = (median: number) =>
      verdictOf(0, historyOf(repeat(311, 0), { band: { ...rare, median: 0 } }), { ...rare, median });
    assert.deepEqual([batch(9.99), batch(10)], ["normal", "below"]);
    const once = silent(311);
    once.set(nowMs - 311 * windowMs, { startMs: nowMs - 311 * windowMs, signs: 1, verdict: "normal", band: rare });
    assert.equal(verdictOf(0, once, { ...rare, median: 1 }), "normal");
    assert.equal(verdictOf(0, historyOf(repeat(311, 0), { band: { ...rare, basis: "cold-start" } }), rare), "normal");
  });
});

describe("an episode", () => {
  const window = (verdict: SignRateVerdict, windowsAgo = 0): JudgedWindow => {
    return { startMs: nowMs - windowsAgo * windowMs, signs: 1, verdict, band: usual };
  };
  const after = (verdict: SignRateVerdict, windowsAgo: number) =>
    new Map([[nowMs - windowsAgo * windowMs, window(verdict, windowsAgo)]]);

  test("opens only with a window that is above or below", () => {
    const opens = (verdict: SignRateVerdict) => opensEpisode(window(verdict), new Map());
    assert.deepEqual((["above", "below", "normal", "not-judged"] as const).map(opens), [true, true, false, false]);
  });

  test("continues for twelve windows after the last one with the same verdict", () => {
    assert.equal(opensEpisode(window("above"), after("above", 1)), false);
    assert.equal(opensEpisode(window("above"), after("above", 12)), false);
    assert.equal(opensEpisode(window("above"), after("above", 13)), true);
    assert.equal(opensEpisode(window("above"), after("below", 1)), true);
  });

  test("is open within the twelve newest settled windows, which ended a quarter of an hour ago", () => {
    const settledMs = nowMs + windowMs + 15 * 60_000;
    const open = (verdict: SignRateVerdict, windowsAgo: number) =>
      abnormalWindow(settledMs, after(verdict, windowsAgo))?.startMs;
    assert.equal(open("above", 0), nowMs);
    assert.equal(open("below", 11), nowMs - 11 * windowMs);
    assert.equal(open("above", 12), undefined);
    assert.equal(open("above", -1), undefined, "it has not settled");
    assert.equal(open("normal", 0), undefined);
    assert.equal(abnormalWindow(settledMs - 1, after("above", 0)), undefined);
  });
});

test("in a cold start only a rate above the static limit is reported", () => {
  const cold: Band = { ...usual, high: 1_000, basis: "cold-start" };
  assert.equal(verdictOf(1_000, new Map(), cold), "not-judged");
  assert.equal(verdictOf(1_001, new Map(), cold), "above");
  assert.deepEqual(judge({ startMs: nowMs, signs: 3 }, cold, new Map()), {
    ...{ startMs: nowMs, signs: 3, verdict: "not-judged", band: cold },
  });
});
