import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import {
  type AuditState,
  arrivalsToRead,
  completeWindow,
  finalAgeMs,
  noteArrivals,
  planWindows,
  settleMs,
  startAuditing,
} from "../../../../src/domain/audit/windows.ts";
import { holds } from "../../../support/fixtures/property.ts";
import { at, dayMs, evaluate, hourMs } from "../../../support/fixtures/sign-audit.ts";
import {
  ledgerRowsAt,
  vaultRowsAt,
  type World,
  worldBeginsMs,
  worldEndsMs,
  worlds,
} from "../../../support/fixtures/sign-audit-world.ts";

const begun: AuditState = { watermarkMs: at(0), arrivalsToMs: at(0), revisit: [] };
const starts = (state: AuditState, nowMs: number) => planWindows(state, nowMs).map(({ fromMs }) => fromMs);
const windowAt = (fromMs: number) => ({ fromMs, toMs: fromMs + windowMs });

function runAll(state: AuditState, nowMs: number): AuditState {
  return planWindows(state, nowMs).reduce(
    (so, window) => completeWindow(so, window, { nowMs, reachesNext: false }),
    state,
  );
}

describe("the plan of windows", () => {
  test("begins at the last window that has settled", () => {
    assert.deepEqual(startAuditing(at(1000)), { watermarkMs: at(0), arrivalsToMs: at(0), revisit: [] });
  });

  test("has a window when it has settled, and until it is old", () => {
    const settledMs = at(300) + settleMs;
    assert.deepEqual(starts(begun, settledMs - 1), []);
    assert.deepEqual(starts(begun, settledMs), [at(0)]);
    assert.deepEqual(runAll(begun, at(300) + finalAgeMs - 1), begun);
    assert.equal(runAll(begun, at(300) + finalAgeMs).watermarkMs, at(300));
  });

  test("looks at all of the last two hours in every run", () => {
    const planned = starts(begun, at(300) + finalAgeMs);
    assert.deepEqual(
      planned,
      Array.from({ length: 22 }, (_, index) => at(index * 300)),
    );
  });

  test("is the same for the same state and time", () => {
    const nowMs = at(0) + dayMs;
    assert.deepEqual(planWindows(begun, nowMs), planWindows(begun, nowMs));
  });

  test("catches up after days in bounded runs, oldest first, and skips nothing", () => {
    const seen: number[] = [];
    let state = begun;
    const nowMs = at(0) + 5 * dayMs;
    for (let run = 0; run < 30; run++) {
      const planned = starts(state, nowMs);
      assert.ok(planned.length <= 72);
      assert.deepEqual(
        planned,
        planned.toSorted((a, b) => a - b),
      );
      seen.push(...planned);
      state = runAll(state, nowMs);
    }
    assert.equal(state.watermarkMs, nowMs - finalAgeMs);
    const all = Array.from({ length: (5 * dayMs - settleMs) / windowMs }, (_, index) => at(index * 300));
    assert.deepEqual([...new Set(seen)], all);
  });

  test("does nothing where the clock was set back", () => {
    const nowMs = at(0) - hourMs;
    assert.deepEqual(planWindows(begun, nowMs), []);
    const { fromMs, toMs } = arrivalsToRead(begun, nowMs);
    assert.ok(fromMs <= toMs);
    assert.deepEqual(noteArrivals(begun, [], toMs), begun);
    assert.deepEqual(completeWindow(begun, windowAt(at(0)), { nowMs, reachesNext: false }), begun);
  });

  test("does not pass a window that was left out", () => {
    const after = completeWindow(begun, windowAt(at(300)), { nowMs: at(0) + dayMs, reachesNext: false });
    assert.equal(after.watermarkMs, at(0));
  });

  test("visits the windows that a late row can bear on, up to the watermark, and the next where it reaches over", () => {
    const state = { ...begun, watermarkMs: at(0) + dayMs };
    const noted = noteArrivals(state, [at(3000), at(3001), state.watermarkMs + 1], at(100));
    assert.deepEqual(noted.revisit.slice(0, 5), [2400, 2700, 3000, 3300, 3600].map(at));
    assert.deepEqual(
      noted.revisit.slice(5),
      [-600, -300].map((seconds) => state.watermarkMs + seconds * 1000),
    );
    assert.deepEqual(starts(noted, state.watermarkMs), [...noted.revisit]);
    const once = { ...state, revisit: [at(0)] };
    const done = { nowMs: state.watermarkMs, reachesNext: true };
    assert.deepEqual(completeWindow(once, windowAt(at(0)), done).revisit, [at(300)]);
    assert.deepEqual(completeWindow(once, windowAt(at(0)), { ...done, reachesNext: false }).revisit, []);
    assert.deepEqual(completeWindow(state, windowAt(at(0)), done).revisit, []);
  });
});

/** Runs at the given times, each of which may crash at a step; what is stored is all that lives on. */
function audit(world: World, runs: readonly { gapMinutes: number; crashAfter: number }[]) {
  let state: AuditState = { watermarkMs: worldBeginsMs, arrivalsToMs: worldBeginsMs, revisit: [] };
  const stored = new Map<number, ReturnType<typeof evaluate>>();
  const run = (nowMs: number, crashAfter: number) => {
    let steps = 0;
    const mayGoOn = () => steps++ < crashAfter;
    const { fromMs, toMs } = arrivalsToRead(state, nowMs);
    const arrived = world.arrivals.filter(
      ({ ingestedMs, visibleMs }) => ingestedMs >= fromMs && ingestedMs < toMs && visibleMs <= nowMs,
    );
    if (!mayGoOn()) return;
    state = noteArrivals(
      state,
      arrived.map(({ row }) => row.timeMs),
      toMs,
    );
    const [vault, ledger] = [vaultRowsAt(world, nowMs), ledgerRowsAt(world, nowMs)];
    for (const window of planWindows(state, nowMs)) {
      const result = evaluate(window.fromMs, vault, ledger, nowMs);
      if (!mayGoOn()) return;
      stored.set(window.fromMs, result);
      if (!mayGoOn()) return;
      state = completeWindow(state, window, { nowMs, reachesNext: result.reachesNext });
    }
  };
  let nowMs = worldBeginsMs;
  for (const { gapMinutes, crashAfter } of runs) {
    nowMs += gapMinutes * 60_000;
    run(nowMs, crashAfter);
  }
  for (nowMs = Math.max(nowMs, worldBeginsMs); nowMs < worldEndsMs + finalAgeMs; nowMs += hourMs) run(nowMs, 1e9);
  for (let last = 0; last < 5; last++) run(nowMs, 1e9);
  return { stored, state };
}

test("over any runs, crashes, late and repeated rows, what is stored is what a look at everything says", async (t) => {
  const crash = fc.oneof(fc.constant(1e9), fc.integer({ min: 0, max: 60 }));
  const run = fc.record({
    gapMinutes: fc.oneof(fc.constant(5), fc.integer({ min: -20, max: 200 })),
    crashAfter: crash,
  });
  const property = fc.property(worlds, fc.array(run, { maxLength: 12 }), (world, runs) => {
    const { stored, state } = audit(world, runs);
    const [vault, ledger] = [vaultRowsAt(world), ledgerRowsAt(world)];
    assert.ok(state.watermarkMs > at(2100));
    assert.deepEqual(state.revisit, []);
    for (let fromMs = worldBeginsMs; fromMs < at(2100); fromMs += windowMs)
      assert.deepEqual(stored.get(fromMs), evaluate(fromMs, vault, ledger, worldEndsMs));
  });
  await holds(t, property, 150);
});
