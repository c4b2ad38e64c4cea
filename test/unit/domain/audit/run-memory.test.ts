/** What a run of the audit remembers for the next one, and what it looks at again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuditStore } from "../../../../src/domain/audit/ports.ts";
import { settleMs, windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import { finalAgeMs } from "../../../../src/domain/audit/windows.ts";
import { createAuditStore } from "../../../support/fakes/audit-store.ts";
import { at, dayMs, hourMs, intent, signature } from "../../../support/fixtures/sign-audit.ts";
import { beginAudit, eventsOf, settledMs, shown } from "../../../support/fixtures/sign-audit-run.ts";

describe("a run", () => {
  test("remembers up to when it has read late rows, and never an earlier time", async () => {
    const world = await beginAudit();
    await world.run();
    assert.equal(world.stored.state?.state.arrivalsToMs, settledMs);
    world.clock.set(settledMs - 2 * hourMs);
    await world.run();
    assert.equal(world.stored.state?.state.arrivalsToMs, settledMs);
  });

  test("moves the watermark over the windows that it has just looked at", async () => {
    const world = await beginAudit();
    world.clock.set(at(300) + finalAgeMs);
    await world.run();
    assert.equal(world.stored.state?.state.watermarkMs, at(300));
    assert.equal(eventsOf(world, "sign_audit_finished")[0]?.lagSeconds, finalAgeMs / 1000);
  });

  test("that another run overtakes at its end reports no end, and deletes nothing", async () => {
    const store = createAuditStore();
    const expired: number[] = [];
    let saves = 0;
    const world = await beginAudit(() => ({
      store: {
        ...store,
        saveState: async (...args) => (++saves === 3 ? "conflict" : store.saveState(...args)),
      },
      retention: { expire: async (beforeMs) => expired.push(beforeMs) },
    }));
    [saves, expired.length] = [0, 0];
    await world.run();
    assert.equal(saves, 3);
    assert.deepEqual([eventsOf(world, "sign_audit_finished"), expired], [[], []]);
  });

  test("stores for a window without rows that there were none", async () => {
    const world = await beginAudit();
    await world.run();
    assert.equal(world.stored.looks.get(at(0))?.rows, 0);
  });
});

describe("a window that is looked at again", () => {
  test("a day later, because a run before could not, does not report the same covered signature again", async () => {
    const world = await beginAudit();
    const fromMs = at(0) - dayMs;
    world.ledger.push(intent(1, 10 - 86_400));
    world.logged.push(shown(signature("a", 11 - 86_400)));
    const before = { fromMs, lookedMs: fromMs + windowMs + settleMs, rows: 5, isPending: true, carry: {} };
    world.stored.looks.set(fromMs, { ...before, covered: [`a ${fromMs + 11_000}`] });
    world.stored.revisits.set(fromMs, "etag");
    await world.run();
    assert.deepEqual([...world.stored.revisits], []);
    assert.deepEqual(eventsOf(world, "sign_audit_covered"), []);
    const { lookedMs, rows } = world.stored.looks.get(fromMs) ?? assert.fail();
    assert.deepEqual([lookedMs, rows], [settledMs, 5], "the number of rows is the log's, which has told none since");
  });

  test("and that then uses up another intent has the next window looked at again, though nothing is open in it", async () => {
    const world = await beginAudit();
    world.ledger.push(intent(1, 290), intent(2, 291));
    world.logged.push(shown(signature("a", 295)), shown(signature("b", 310)));
    world.clock.set(at(600) + settleMs);
    await world.run();
    assert.equal(world.stored.looks.get(at(300))?.isPending, false);
    // Its outcome comes late. So the second intent is that of the first signature, and the second one has none.
    world.ledger[0] = intent(1, 290, { outcome: "not_signed" });
    for (let run = 0; run < 2; run++) {
      world.clock.set(at(300) + hourMs + run * windowMs);
      await world.run();
    }
    assert.deepEqual(
      eventsOf(world, "sign_audit_finding").map(({ requestId, isNew }) => [requestId, isNew]),
      [["b", true]],
    );
  });

  test("needs no request of its own for what the store knows of it and of the one before", async () => {
    const asked: number[] = [];
    const store = createAuditStore();
    const looks: AuditStore["looks"] = (fromMs, toMs) => {
      asked.push(fromMs);
      return store.looks(fromMs, toMs);
    };
    const world = await beginAudit(() => ({ store: { ...store, looks } }));
    world.ledger.push(intent(1, 10), intent(2, 310));
    world.clock.set(at(600) + settleMs);
    await world.run();
    asked.length = 0;
    world.clock.set(at(600) + hourMs);
    await world.run();
    const again = [at(0), at(300)];
    assert.deepEqual(
      again.map((fromMs) => store.stored.looks.get(fromMs)?.lookedMs),
      again.map(() => at(600) + hourMs),
    );
    assert.deepEqual(
      asked.filter((fromMs) => again.includes(fromMs)),
      [],
    );
  });
});

test("the event of a covered signature lacks what the log does not tell of it", async () => {
  const world = await beginAudit();
  world.ledger.push(intent(1, 10));
  const { clientInfo: _, callerAddress: __, ...row } = signature("a", 11);
  world.logged.push(shown(row));
  await world.run();
  const { timeMs, requestId, keyName, keyVersion } = row;
  assert.deepEqual(eventsOf(world, "sign_audit_covered"), [
    {
      ...{ event: "sign_audit_covered", ledgerId: intent(1, 0).id, coveredBy: "unknown" },
      ...{ timeMs, requestId, keyName, keyVersion },
    },
  ]);
});
