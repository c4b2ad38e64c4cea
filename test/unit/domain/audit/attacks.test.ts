import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listedFindings } from "../../../../src/domain/audit/findings.ts";
import { windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import type { VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import { finalAgeMs } from "../../../../src/domain/audit/windows.ts";
import { at, dayMs, hourMs, intent, signature, thiefAddress, userAgent } from "../../../support/fixtures/sign-audit.ts";
import { type AuditWorld, beginAudit, eventsOf, settledMs, shown } from "../../../support/fixtures/sign-audit-run.ts";

/** What somebody does who wants the audit not to see him, not to get there, or to be disbelieved. */

const theft = (requestId: string, seconds: number, more: Partial<VaultLogRow> = {}) =>
  signature(requestId, seconds, { callerAddress: thiefAddress, clientInfo: "curl/8", ...more });
const unaccounted = (world: AuditWorld) =>
  eventsOf(world, "sign_audit_finding").filter(({ finding, isNew }) => isNew && finding === "unaccounted_signature");

describe("volume", () => {
  test("an attacker who signs 5,000 times is counted, and a hundred of the signatures are listed", async () => {
    const world = await beginAudit();
    for (let i = 0; i < 5_000; i++) world.logged.push(shown(theft(`s${i}`, i / 20)));
    await world.run();
    const found = unaccounted(world);
    assert.equal(found.length, listedFindings + 1);
    assert.equal(
      found.reduce((sum, { count = 1 }) => sum + count, 0),
      5_000,
    );
    world.events.length = 0;
    // A row that comes late does not seem to explain one that was listed.
    world.logged.push(shown(theft("late", 0.5), 30 * 60_000));
    world.clock.advanceMs(30 * 60_000);
    await world.run();
    assert.deepEqual(eventsOf(world, "sign_audit_resolved"), []);
    assert.equal(unaccounted(world).length, 0, "the finding that counts them has the same id");
  });

  test("the cost of a window does not grow with its neighbours, and a quiet window is audited once", async () => {
    const reads: [number, number][] = [];
    const world = await beginAudit(() => ({
      ledger: {
        async rowsBetween(fromMs, toMs) {
          reads.push([fromMs, toMs]);
          return [];
        },
      },
    }));
    for (let i = 0; i < 36; i++) {
      await world.run();
      world.clock.advanceMs(windowMs);
    }
    assert.equal(reads.length, 36);
    for (const [fromMs, toMs] of reads) assert.ok(toMs - fromMs <= 1.5 * windowMs);
  });

  test("an endless chain of open intents does not stall the audit", async () => {
    const world = await beginAudit();
    for (let i = -3_000; i < 30; i++) world.ledger.push(intent(5_000 + i, i * 100));
    await world.run();
    assert.equal(eventsOf(world, "sign_audit_failed").length, 0);
    assert.equal(eventsOf(world, "sign_audit_finished")[0]?.windows, 1);
  });

  test("a run stops in time, and the next one continues after it", async () => {
    const world = await beginAudit((clock) => ({
      keyNames: async () => {
        clock.advanceMs(199_999);
        return [];
      },
      ledger: {
        async rowsBetween() {
          clock.advanceMs(1);
          return [];
        },
      },
    }));
    world.clock.set(at(0) + dayMs);
    await world.run();
    world.clock.set(at(0) + dayMs);
    await world.run();
    assert.deepEqual(
      eventsOf(world, "sign_audit_finished").map(({ windows }) => windows),
      [2, 2],
    );
    assert.deepEqual([...world.stored.looks.keys()].slice(-2), [at(600), at(900)]);
  });
});

describe("hiding", () => {
  test("two stolen signatures covered by two dropped connections are reported", async () => {
    const world = await beginAudit();
    world.ledger.push(intent(1, 10, { outcome: "maybe_signed" }), intent(2, 20, { outcome: "maybe_signed" }));
    world.logged.push(shown(theft("a", 12)), shown(theft("b", 22)));
    await world.run();
    assert.deepEqual(
      unaccounted(world).map(({ requestId, reason }) => [requestId, reason]),
      [
        ["a", "other_instance"],
        ["b", "other_instance"],
      ],
    );
  });

  for (const [habit, clientInfo, by] of [
    ["copies our User-Agent", userAgent(), "instance"],
    ["sends none", undefined, "unknown"],
  ] as const) {
    test(`an attacker who ${habit}: each signature that an open intent covers is a separate event`, async () => {
      const world = await beginAudit();
      world.ledger.push(intent(1, 10), intent(2, 20));
      for (const [id, seconds] of [
        ["a", 12],
        ["b", 22],
      ] as const) {
        const { clientInfo: _, ...row } = theft(id, seconds);
        world.logged.push(shown(clientInfo ? { ...row, clientInfo } : row));
      }
      await world.run();
      const expected = ["a", "b"].map((requestId, i) => [requestId, intent(i + 1, 0).id, thiefAddress, by]);
      const covered = eventsOf(world, "sign_audit_covered");
      assert.deepEqual(
        covered.map((event) => [event.requestId, event.ledgerId, event.callerAddress, event.coveredBy]),
        expected,
      );
      assert.equal(eventsOf(world, "sign_audit_finished")[0]?.covered, 2);
      // Once: a later look has no news.
      world.clock.set(settledMs + finalAgeMs);
      await world.run();
      assert.equal(eventsOf(world, "sign_audit_covered").length, 2);
    });
  }

  test("a late row that takes over the intent of another signature is also an event", async () => {
    const world = await beginAudit();
    world.ledger.push(intent(1, 10), intent(2, 20));
    world.logged.push(shown(signature("a", 30)));
    await world.run();
    // Earlier than the other, so that it gets the first intent and the other gets the second.
    world.logged.push({
      row: { ...theft("late", 25), clientInfo: userAgent() },
      ingestedMs: settledMs,
      visibleMs: settledMs,
    });
    world.clock.set(settledMs + finalAgeMs);
    await world.run();
    const covered = eventsOf(world, "sign_audit_covered").map(({ requestId, ledgerId }) => [requestId, ledgerId]);
    assert.deepEqual(covered, [
      ["a", intent(1, 0).id],
      ["late", intent(1, 0).id],
    ]);
  });

  test("of more than a hundred covered signatures, a hundred are listed and all are counted", async () => {
    const world = await beginAudit();
    for (let i = 0; i < 150; i++) {
      world.ledger.push(intent(i, i));
      world.logged.push(shown(signature(`c${i}`, i)));
    }
    await world.run();
    assert.equal(eventsOf(world, "sign_audit_covered").length, 100);
    assert.equal(eventsOf(world, "sign_audit_finished")[0]?.covered, 150);
  });

  test("500 stolen signatures with one request id are 500 findings and a rate of 500, whatever open intents there are", async () => {
    const world = await beginAudit();
    for (let i = 0; i < 500; i++) world.ledger.push(intent(i, i / 2));
    for (let i = 0; i < 500; i++) {
      world.logged.push(shown(theft("same", i / 2 + 0.001, { clientInfo: userAgent() })));
    }
    await world.run();
    const found = unaccounted(world).reduce((sum, { count = 1 }) => sum + count, 0);
    assert.equal(found, 499, "the first is covered and reported as such");
    assert.equal(eventsOf(world, "sign_audit_covered").length, 1);
    assert.equal(unaccounted(world)[0]?.reason, "repeated_request");
    assert.equal(eventsOf(world, "sign_rate_judged")[0]?.signs, 500);
  });

  test("a stolen signature with the request id of one of ours is found before, beside and after it", async () => {
    const world = await beginAudit();
    world.ledger.push(intent(1, 100, { outcome: "issued", vaultRequestId: "a" }));
    for (const seconds of [39, 99, 100, 101, 191]) world.logged.push(shown(theft("a", seconds)));
    await world.run();
    assert.equal(unaccounted(world).length, 4, "one of them is taken for ours");
  });
});

describe("clocks", () => {
  test("a clock that is 26 hours ahead for one run loses no late row, and deletes no ledger row early", async () => {
    const expired: number[] = [];
    let skewMs = 0;
    const world = await beginAudit((clock) => ({
      clock: () => clock.now() + skewMs,
      retention: { expire: async (beforeMs) => expired.push(beforeMs) },
    }));
    const before = structuredClone(world.stored.state?.state);
    skewMs = 26 * hourMs;
    await world.run();
    skewMs = 0;
    assert.equal(world.stored.state?.state.watermarkMs, before?.watermarkMs);
    assert.ok((world.stored.state?.state.arrivalsToMs ?? 0) <= settledMs);
    assert.ok(expired.every((beforeMs) => beforeMs <= settledMs - dayMs));
    // It happened in the window that was looked at, and the log shows it four hours later.
    world.logged.push(shown(theft("late", 100), 4 * hourMs));
    for (let i = 0; i < 6 * 12; i++) {
      world.clock.advanceMs(windowMs);
      await world.run();
    }
    assert.deepEqual(
      unaccounted(world).map(({ requestId }) => requestId),
      ["late"],
    );
  });
});
