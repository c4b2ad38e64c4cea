import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../../../src/domain/audit/findings.ts";
import type { VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import { finalAgeMs } from "../../../../src/domain/audit/windows.ts";
import { seed } from "../../../support/fixtures/property.ts";
import {
  at,
  hourMs,
  intent,
  signature,
  signingObjectId,
  thiefAddress,
  userAgent,
} from "../../../support/fixtures/sign-audit.ts";
import { createAuditWorld, eventsOf } from "../../../support/fixtures/sign-audit-run.ts";

const mints = 10_000;
/** The number of the mint whose process died, before the vault was asked and after it had signed. */
const crashedBefore = 2_500;
const crashedAfter = 7_500;
/** Amid the mints, at a border of windows, and just outside the time of an open intent. */
const thefts = [stolen("stolen-1", 1_234.567), stolen("stolen-2", 4_500), stolen("stolen-3", crashedAfter * 0.9 + 92)];

function stolen(requestId: string, seconds: number): VaultLogRow {
  const habits = { callerAddress: thiefAddress, callerAppId: "app", clientInfo: userAgent() };
  return signature(requestId, seconds, habits);
}

test("10,000 mints, 3 stolen signatures, 2 crashes, a log that lags, repeats and reorders: exactly 3 unaccounted", async (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = createRandom(seed);
  const world = createAuditWorld(at(-600) + 15 * 60_000);
  const { logged, ledger } = world;
  const show = (row: VaultLogRow) => {
    const copies = random() < 0.05 ? 3 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const lagMinutes = random() < 0.001 ? 300 + random() * 300 : random() * 10;
      const shownMs = row.timeMs + (lagMinutes + copy) * 60_000;
      logged.push({ row: { ...row }, ingestedMs: shownMs, visibleMs: shownMs });
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
  logged.sort(() => random() - 0.5);

  for (; world.clock.now() < at(9_000) + 12 * hourMs; world.clock.advanceMs(hourMs)) await world.run();

  const alarms = eventsOf(world, "sign_audit_finding").filter(
    ({ finding, isNew }) => isNew && finding === "unaccounted_signature",
  );
  const requests = alarms.map(({ requestId }) => requestId).sort();
  assert.deepEqual(requests, ["stolen-1", "stolen-2", "stolen-3"], "each was an alarm once, and nothing else ever was");
  assert.ok((world.stored.state?.state.watermarkMs ?? 0) > at(9_000) + finalAgeMs);
  assert.equal(world.stored.revisits.size, 0);
  const open: Finding[] = [...world.stored.findings.values()].flatMap((ofWindow) =>
    [...ofWindow.values()].flatMap(({ finding, isResolved }) => (isResolved ? [] : [finding])),
  );
  const expected = thefts.map((theft) => {
    return { kind: "unaccounted_signature", severity: 0, ...theft, reason: "no_intent" };
  });
  assert.deepEqual(
    open.map(({ id: _, ...facts }) => facts).sort((a, b) => a.timeMs - b.timeMs),
    expected,
  );
  assert.ok(expected.every(({ callerObjectId }) => callerObjectId === signingObjectId));
  const covered = eventsOf(world, "sign_audit_covered").map(({ requestId }) => requestId);
  assert.deepEqual(covered, [`request-${crashedAfter}`]);
  assert.ok(
    eventsOf(world, "sign_audit_resolved").length > 0,
    "some rows came so late that they were missing until then",
  );
  const rates = [...(world.stored.rates.get("token-signing")?.values() ?? [])];
  assert.equal(
    rates.reduce((sum, { signs }) => sum + signs, 0),
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
