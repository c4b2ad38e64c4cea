/** What a run of the audit requests, writes and reports. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Finding } from "../../../../src/domain/audit/findings.ts";
import type { AuditStore } from "../../../../src/domain/audit/ports.ts";
import { settleMs, weekMs, windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import type { WindowLook } from "../../../../src/domain/audit/windows.ts";
import { createAuditStore } from "../../../support/fakes/audit-store.ts";
import { at, dayMs, hourMs, intent, signature } from "../../../support/fixtures/sign-audit.ts";
import { beginAudit, createAuditWorld, eventsOf, settledMs, shown } from "../../../support/fixtures/sign-audit-run.ts";

/** A store of which a test sees or changes some calls. */
function storeWith(changes: (store: ReturnType<typeof createAuditStore>) => Partial<AuditStore>) {
  const store = createAuditStore();
  return { ...store, ...changes(store) };
}

describe("a run", () => {
  test("reports its results, how far behind the log it is, and what it deleted", async () => {
    const expired: number[] = [];
    const world = await beginAudit(() => ({
      ledgerKeptMs: dayMs,
      retention: {
        async expire(beforeMs) {
          expired.push(beforeMs);
          return 7;
        },
      },
    }));
    expired.length = 0;
    world.clock.advanceMs(1_600);
    await world.run();
    assert.deepEqual(eventsOf(world, "sign_audit_finished"), [
      { event: "sign_audit_finished", windows: 1, covered: 0, open: 0, lagSeconds: 1_202, expiredRows: 7 },
    ]);
    assert.deepEqual(expired, [world.clock.now() - dayMs]);
  });

  test("asks for the rates of eight weeks and a day, for 36 windows to look at again, and for the known arrivals", async () => {
    const asked: unknown[] = [];
    const world = createAuditWorld(settledMs, () => ({
      store: storeWith((store) => ({
        looks: async (...range) => store.looks(...range).finally(() => asked.push(["looks", ...range])),
        windowsSince: async (fromMs) => store.windowsSince(fromMs).finally(() => asked.push(["rates", fromMs])),
        revisits: async (limit) => store.revisits(limit).finally(() => asked.push(["revisits", limit])),
      })),
    }));
    // It was taken in within the overlap, a day late.
    world.logged.push({ row: signature("a", 10 - 86_400), ingestedMs: settledMs - 1, visibleMs: settledMs - 1 });
    await world.run();
    assert.deepEqual(asked.slice(0, 3), [
      ["looks", at(-86_400) - 2 * windowMs, settledMs],
      ["revisits", 36],
      ["rates", settledMs - 8 * weekMs - dayMs],
    ]);
  });

  test("has an event for a covered signature with every fact in the log, and no others", async () => {
    const world = await beginAudit();
    world.ledger.push(intent(1, 10), intent(2, 20));
    const bare = { timeMs: at(21), operation: "KeySign", httpStatus: 200, requestId: "b" };
    const { callerObjectId, clientInfo, callerAddress, keyName, keyVersion } = signature("a", 11);
    world.logged.push(shown(signature("a", 11)), shown({ ...bare, callerObjectId: `${callerObjectId}` }));
    world.logged.push(shown(signature("c", 22, { callerAddress: "203.0.113.9" })));
    await world.run();
    const facts = { event: "sign_audit_covered", coveredBy: "instance", keyName, keyVersion, clientInfo };
    assert.deepEqual(eventsOf(world, "sign_audit_covered"), [
      { ...facts, ledgerId: intent(1, 0).id, timeMs: at(11), requestId: "a", callerAddress },
      { ...facts, ledgerId: intent(2, 0).id, timeMs: at(22), requestId: "c", callerAddress: "203.0.113.9" },
    ]);
    assert.equal(eventsOf(world, "sign_audit_finding")[0]?.requestId, "b", "without its key it fits no open intent");
  });

  test("counts the covered signatures of all its windows, and lists a hundred of them together", async () => {
    const world = await beginAudit();
    for (let i = 0; i < 120; i++) {
      const seconds = (i % 2) * 300 + 100 + i / 2;
      world.ledger.push(intent(i, seconds));
      world.logged.push(shown(signature(`c${i}`, seconds + 0.01)));
    }
    world.clock.advanceMs(windowMs);
    await world.run();
    assert.equal(eventsOf(world, "sign_audit_covered").length, 100);
    assert.equal(eventsOf(world, "sign_audit_finished")[0]?.covered, 120);
  });

  test("stores for a window when it looked, how many rows the log had, and what it reported", async () => {
    const world = await beginAudit();
    world.ledger.push(intent(1, 10));
    world.logged.push(shown(signature("a", 11)), shown(signature("a", 11)));
    await world.run();
    const looked: WindowLook | undefined = world.stored.looks.get(at(0));
    assert.deepEqual(looked, {
      ...{ fromMs: at(0), lookedMs: settledMs, rows: 2, isPending: true, carry: {}, covered: [`a ${at(11)}`] },
    });
    // Looked at again after an hour, when no row has come: the number stays.
    world.clock.set(at(0) + windowMs + 2 * hourMs);
    await world.run();
    assert.equal(world.stored.looks.get(at(0))?.rows, 2);
  });

  test("that assigns a different intent to a window than before looks at the next window again", async () => {
    const world = await beginAudit();
    world.ledger.push(intent(1, 290), intent(2, 291));
    world.logged.push(shown(signature("b", 310)));
    world.clock.advanceMs(windowMs);
    await world.run();
    assert.equal(eventsOf(world, "sign_audit_finding").length, 0);
    const lateMs = world.clock.now();
    for (const seconds of [295, 296]) {
      world.logged.push({ row: signature(`late-${seconds}`, seconds), ingestedMs: lateMs, visibleMs: lateMs });
    }
    for (let run = 0; run < 3; run++) {
      world.clock.advanceMs(windowMs);
      await world.run();
    }
    const open = eventsOf(world, "sign_audit_finding").filter(({ isNew }) => isNew);
    assert.deepEqual(
      open.map(({ requestId }) => requestId),
      ["b"],
    );
    assert.deepEqual([...world.stored.revisits], []);
  });

  test("that another run has overtaken resolves nothing and stores nothing about the window", async () => {
    const finding: Finding = { id: "f", kind: "missing_record", severity: 1, timeMs: at(1), requestId: "f" };
    let saves = 0;
    const world = await beginAudit((clock) => ({
      store: storeWith((store) => ({
        async saveState(state, etag) {
          saves += 1;
          return clock.now() >= settledMs && saves === 2 ? "conflict" : store.saveState(state, etag);
        },
        findingsOf: async () => [finding],
      })),
    }));
    saves = 0;
    await world.run();
    assert.equal(saves, 2);
    assert.deepEqual(
      world.events.map(({ event }) => event),
      ["sign_rate_judged"],
    );
  });

  test("that is already overtaken when it begins looks at no window", async () => {
    const world = await beginAudit((clock) => ({
      store: storeWith((store) => ({
        saveState: async (...args) => (clock.now() >= settledMs ? "conflict" : store.saveState(...args)),
      })),
    }));
    await world.run();
    assert.deepEqual(world.events, []);
  });
});

test("the first run begins with the newest window that has settled", async () => {
  const world = createAuditWorld(at(0) + windowMs + settleMs);
  await world.run();
  assert.equal(world.stored.state?.state.watermarkMs, at(300));
  assert.equal(eventsOf(world, "sign_audit_finished")[0]?.windows, 0);
});
