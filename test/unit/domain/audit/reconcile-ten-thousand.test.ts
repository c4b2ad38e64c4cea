import assert from "node:assert/strict";
import { test } from "node:test";
import { compareFindings, type Finding, type LedgerRow } from "../../../../src/domain/audit/findings.ts";
import type { VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import {
  type AuditState,
  arrivalsToRead,
  completeWindow,
  finalAgeMs,
  noteArrivals,
  planWindows,
} from "../../../../src/domain/audit/windows.ts";
import { seed } from "../../../support/fixtures/property.ts";
import {
  at,
  evaluate,
  hourMs,
  intent,
  signature,
  signingObjectId,
  thiefAddress,
} from "../../../support/fixtures/sign-audit.ts";

const mints = 10_000;
/** The number of the mint whose process died, before the vault was asked and after it had signed. */
const crashedBefore = 2_500;
const crashedAfter = 7_500;
/** Amid the mints, at a border of windows, and just outside the time of an open intent. */
const thefts = [stolen("stolen-1", 1_234.567), stolen("stolen-2", 4_500), stolen("stolen-3", crashedAfter * 0.9 + 92)];

function stolen(requestId: string, seconds: number): VaultLogRow {
  return signature(requestId, seconds, { callerAddress: thiefAddress, callerAppId: "app", clientInfo: "curl/8" });
}

test("10,000 mints, 3 stolen signatures, 2 crashes, a log that lags, repeats and reorders: exactly 3 unaccounted", (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = createRandom(seed);
  const ledger: LedgerRow[] = [];
  const log: { row: VaultLogRow; shownMs: number }[] = [];
  const show = (row: VaultLogRow) => {
    const copies = random() < 0.05 ? 3 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const lagMinutes = random() < 0.001 ? 300 + random() * 300 : random() * 10;
      log.push({ row: { ...row }, shownMs: row.timeMs + (lagMinutes + copy) * 60_000 });
    }
  };
  for (let number = 0; number < mints; number++) {
    const seconds = number * 0.9;
    const requestId = `request-${number}`;
    const isCrash = number === crashedBefore || number === crashedAfter;
    ledger.push(intent(number, seconds, isCrash ? {} : { outcome: "issued", vaultRequestId: requestId }));
    if (number !== crashedBefore) show(signature(requestId, seconds + 0.05 + random() * 4 - 2));
  }
  thefts.forEach(show);
  log.sort(() => random() - 0.5);

  let state: AuditState = { watermarkMs: at(-600), arrivalsToMs: at(-600), revisit: [] };
  const stored = new Map<number, Finding[]>();
  const signatures = new Map<number, number>();
  const alarms = new Map<string, number>();
  let resolved = 0;
  for (let nowMs = at(0); nowMs < at(9_000) + 12 * hourMs; nowMs += hourMs) {
    const span = arrivalsToRead(state, nowMs);
    const shown = log.filter(({ shownMs }) => shownMs <= nowMs);
    const arrived = shown.filter(({ shownMs }) => shownMs >= span.fromMs && shownMs < span.toMs);
    state = noteArrivals(
      state,
      arrived.map(({ row }) => row.timeMs),
      span.toMs,
    );
    const rows = shown.map(({ row }) => row);
    const plan = planWindows(state, nowMs);
    for (const window of plan) {
      const { findings, counts, reachesNext } = evaluate(window.fromMs, rows, ledger, nowMs);
      const change = compareFindings(stored.get(window.fromMs) ?? [], findings);
      for (const { id, kind } of change.added)
        if (kind === "unaccounted_signature") alarms.set(id, (alarms.get(id) ?? 0) + 1);
      resolved += change.resolved.length;
      stored.set(window.fromMs, findings);
      signatures.set(window.fromMs, counts.signatures);
      state = completeWindow(state, window, { nowMs, reachesNext });
    }
  }

  assert.ok(state.watermarkMs > at(9_000) + finalAgeMs);
  assert.deepEqual([...alarms.values()], [1, 1, 1], "each was an alarm once, and nothing else ever was");
  const facts = [...stored.values()].flat().map(({ id: _, ...finding }) => finding);
  const expected = thefts.map((theft) => ({ kind: "unaccounted_signature", severity: 0, ...theft }));
  assert.deepEqual(
    facts.sort((a, b) => a.timeMs - b.timeMs),
    expected,
  );
  assert.ok(expected.every(({ callerObjectId }) => callerObjectId === signingObjectId));
  assert.ok(resolved > 0, "some rows came so late that they were reported as missing, until they came");
  assert.equal(
    [...signatures.values()].reduce((sum, count) => sum + count, 0),
    mints - 1 + thefts.length,
  );
});

/** mulberry32 */
function createRandom(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
