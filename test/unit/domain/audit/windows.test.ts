import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { settleMs, windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import {
  type AuditState,
  advanceWatermark,
  arrivalsToRead,
  finalAgeMs,
  planWindows,
  startAuditing,
  type WindowLook,
  windowsToRevisit,
} from "../../../../src/domain/audit/windows.ts";
import { createAuditStore } from "../../../support/fakes/audit-store.ts";
import { holds } from "../../../support/fixtures/property.ts";
import { at, dayMs, evaluateAll, hourMs, windowsOf } from "../../../support/fixtures/sign-audit.ts";
import { createAuditWorld } from "../../../support/fixtures/sign-audit-run.ts";
import {
  ledgerRowsAt,
  vaultRowsAt,
  type World,
  worldBeginsMs,
  worldEndsMs,
  worlds,
} from "../../../support/fixtures/sign-audit-world.ts";

const begun: AuditState = { watermarkMs: at(0), arrivalsToMs: at(0) };
const none = new Map<number, WindowLook>();
const starts = (state: AuditState, nowMs: number, looks = none, revisits: number[] = []) =>
  planWindows(state, revisits, looks, nowMs).map(({ fromMs }) => fromMs);

function look(fromMs: number, more: Partial<WindowLook> = {}): WindowLook {
  return { fromMs, lookedMs: fromMs + windowMs + settleMs, rows: 0, isPending: false, carry: {}, covered: [], ...more };
}
const looksOf = (...looks: WindowLook[]) => new Map(looks.map((one) => [one.fromMs, one]));

describe("the plan of windows", () => {
  test("begins at the last window that has settled", () => {
    assert.deepEqual(startAuditing(at(1000)), { watermarkMs: at(0), arrivalsToMs: at(0) });
  });

  test("contains a window when it has settled, and only once if nothing in it was left open", () => {
    const settledMs = at(300) + 15 * 60_000;
    assert.deepEqual(starts(begun, settledMs - 1), []);
    assert.deepEqual(starts(begun, settledMs), [at(0)]);
    const looked = looksOf(look(at(0)));
    for (const nowMs of [settledMs, at(300) + hourMs, at(300) + finalAgeMs]) {
      assert.ok(!starts(begun, nowMs, looked).includes(at(0)));
    }
  });

  test("contains a window with something left open again after an hour and after two", () => {
    const endMs = at(300);
    const pending = (lookedMs: number) => looksOf(look(at(0), { isPending: true, lookedMs }));
    const isPlanned = (nowMs: number, lookedMs: number) => starts(begun, nowMs, pending(lookedMs)).includes(at(0));
    assert.ok(!isPlanned(endMs + hourMs - 1, endMs + settleMs));
    assert.ok(isPlanned(endMs + hourMs, endMs + settleMs));
    assert.ok(!isPlanned(endMs + 2 * hourMs - 1, endMs + hourMs));
    assert.ok(isPlanned(endMs + 2 * hourMs, endMs + hourMs));
    assert.ok(!isPlanned(endMs + dayMs, endMs + 2 * hourMs));
  });

  test("passes a window once it is two hours old and its looks are done, and never passes one without a look", () => {
    const oldMs = at(300) + finalAgeMs;
    const watermark = (nowMs: number, looks = none) => advanceWatermark(begun, looks, nowMs).watermarkMs;
    assert.equal(watermark(oldMs - 1, looksOf(look(at(0)))), at(0));
    assert.equal(watermark(oldMs, looksOf(look(at(0)))), at(300));
    assert.equal(watermark(oldMs, looksOf(look(at(0), { isPending: true }))), at(0));
    assert.equal(watermark(oldMs), at(0));
    assert.equal(watermark(oldMs + dayMs, looksOf(look(at(300)))), at(0));
  });

  test("catches up after days in bounded runs, oldest first, and skips nothing", () => {
    const seen: number[] = [];
    const looks = new Map<number, WindowLook>();
    let state = begun;
    const nowMs = at(0) + 5 * dayMs;
    for (let run = 0; run < 30; run++) {
      const planned = starts(state, nowMs, looks);
      assert.ok(planned.length <= 72);
      seen.push(...planned);
      for (const fromMs of planned) looks.set(fromMs, look(fromMs, { lookedMs: nowMs }));
      state = advanceWatermark(state, looks, nowMs);
    }
    assert.equal(state.watermarkMs, nowMs - finalAgeMs);
    assert.deepEqual(
      seen,
      Array.from({ length: (5 * dayMs - settleMs) / windowMs }, (_, index) => at(index * 300)),
    );
  });

  test("contains nothing if the clock was set back", () => {
    const nowMs = at(0) - hourMs;
    assert.deepEqual(starts(begun, nowMs), []);
    const { fromMs, toMs } = arrivalsToRead(begun, nowMs);
    assert.ok(fromMs <= toMs);
    assert.deepEqual(advanceWatermark(begun, none, nowMs), begun);
  });

  test("contains windows to look at again in order, once each, when they have settled", () => {
    const nowMs = at(600) + settleMs;
    const revisits = [at(-600), at(0), at(600), at(900)];
    assert.deepEqual(starts(begun, nowMs, none, revisits), [at(-600), at(0), at(300)]);
  });

  test("is in order of time for windows between them too, since each needs the result of the one before", () => {
    const nowMs = at(900) + settleMs;
    assert.deepEqual(starts(begun, nowMs, none, [at(300)]), [at(0), at(300), at(600)]);
  });

  test("leaves half of a run to new windows, however many there are to look at again", () => {
    const old = Array.from({ length: 100 }, (_, i) => at((i - 200) * 300));
    const planned = starts(begun, at(0) + dayMs, none, old);
    assert.deepEqual(planned.slice(0, 36), old.slice(0, 36));
    assert.deepEqual(
      planned.slice(36),
      Array.from({ length: 36 }, (_, i) => at(i * 300)),
    );
  });
});

test("late rows are asked for again for an hour after the time up to which they were read", () => {
  assert.deepEqual(arrivalsToRead(begun, at(300)), { fromMs: at(0) - hourMs, toMs: at(300) });
});

describe("a window is looked at again", () => {
  const revisits = (fromMs: number, rows: number, looks = none, state = begun) =>
    windowsToRevisit(state, [{ fromMs, rows }], looks);

  test("with its neighbours if its number of rows differs from that at the last look", () => {
    const looks = looksOf(look(at(0), { rows: 3 }));
    assert.deepEqual(revisits(at(0), 3, looks), []);
    assert.deepEqual(revisits(at(0), 4, looks), [at(-300), at(0), at(300)]);
    assert.deepEqual(revisits(at(0), 2, looks), [at(-300), at(0), at(300)]);
  });

  test("in order of time, once, whatever the order of the answer", () => {
    const arrivals = [at(-900), at(-1500), at(-600)].map((fromMs) => ({ fromMs, rows: 1 }));
    assert.deepEqual(windowsToRevisit(begun, arrivals, none), windowsOf(at(-1800), at(0)));
  });

  test("if it is before the watermark and has no stored look; otherwise as planned", () => {
    assert.deepEqual(revisits(at(-300), 1), [at(-600), at(-300), at(0)]);
    assert.deepEqual(revisits(at(0), 1), []);
  });
});

class Crash extends Error {}

/** Runs at the given times, each of which may crash before a write; what is stored is all that lives on. */
async function audit(world: World, runs: readonly { gapMinutes: number; crashAfter: number }[]) {
  let [steps, crashAfter] = [0, Number.POSITIVE_INFINITY];
  const store = createAuditStore(() => {
    if (steps++ >= crashAfter) throw new Crash();
  });
  const audited = createAuditWorld(worldBeginsMs, (clock) => ({
    store,
    ledger: {
      rowsBetween: async (fromMs, toMs) =>
        ledgerRowsAt(world, clock.now()).filter(({ timeMs }) => timeMs >= fromMs && timeMs < toMs),
    },
  }));
  audited.logged.push(...world.arrivals);
  store.stored.state = { state: { watermarkMs: worldBeginsMs, arrivalsToMs: worldBeginsMs }, etag: "0" };
  const run = async (after: number) => {
    [steps, crashAfter] = [0, after];
    await audited.run().catch((error) => assert.ok(error instanceof Crash, error));
  };
  for (const { gapMinutes, crashAfter: after } of runs) {
    audited.clock.advanceMs(gapMinutes * 60_000);
    await run(after);
  }
  if (audited.clock.now() < worldBeginsMs) audited.clock.set(worldBeginsMs);
  for (; audited.clock.now() < worldEndsMs + finalAgeMs; audited.clock.advanceMs(hourMs)) await run(1e9);
  for (let last = 0; last < 8; last++) await run(1e9);
  return store.stored;
}

test("over any runs, crashes, late and repeated rows, the stored result equals that of one look at everything", async (t) => {
  const crash = fc.oneof(fc.constant(1e9), fc.integer({ min: 0, max: 60 }));
  const run = fc.record({
    gapMinutes: fc.oneof(fc.constant(5), fc.integer({ min: -20, max: 200 })),
    crashAfter: crash,
  });
  const property = fc.asyncProperty(worlds, fc.array(run, { maxLength: 12 }), async (world, runs) => {
    const stored = await audit(world, runs);
    assert.ok((stored.state?.state.watermarkMs ?? 0) > at(2100));
    assert.deepEqual([...stored.revisits], []);
    const windows = windowsOf(worldBeginsMs, at(2100));
    const results = evaluateAll(windows, vaultRowsAt(world), ledgerRowsAt(world), worldEndsMs);
    for (const [index, fromMs] of windows.entries()) {
      const entries = [...(stored.findings.get(fromMs)?.values() ?? [])];
      const open = entries.flatMap(({ finding, isResolved }) => (isResolved ? [] : [finding]));
      const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1);
      assert.deepEqual(open.sort(byId), results[index]?.findings.sort(byId));
      assert.deepEqual(stored.looks.get(fromMs)?.carry, results[index]?.carry);
    }
  });
  await holds(t, property, 100);
});
