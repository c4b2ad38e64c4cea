import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { holds } from "../../../support/fixtures/property.ts";
import {
  at,
  canCover,
  evaluateAll,
  intent,
  leastUncovered,
  ofKind,
  signature,
  thiefAddress,
  windowsOf,
} from "../../../support/fixtures/sign-audit.ts";
import {
  ledgerRowsAt,
  vaultRowsAt,
  type World,
  worldBeginsMs,
  worldEndsMs,
  worlds,
} from "../../../support/fixtures/sign-audit-world.ts";

const windows = windowsOf(worldBeginsMs, at(2100));

function evaluateWorld(world: World, vaultRows = vaultRowsAt(world)) {
  return evaluateAll(windows, vaultRows, ledgerRowsAt(world), worldEndsMs);
}

describe("whatever happens, reconciliation", () => {
  test("reports exactly as many signatures as no assignment of open intents can cover", async (t) => {
    const property = fc.property(worlds, (world) => {
      const found = evaluateWorld(world).flatMap(({ findings }) => ofKind(findings, "unaccounted_signature"));
      const open = ledgerRowsAt(world).filter(({ vaultRequestId }) => !vaultRequestId);
      const doubtful = [...world.thefts, ...world.unknown];
      assert.equal(found.length, leastUncovered(doubtful, open));
      assert.equal(new Set(found.map(({ id }) => id)).size, found.length, "each once");
    });
    await holds(t, property, 1000);
  });

  test("reports every theft that no open intent is near to, with its facts, and nothing that is accounted for", async (t) => {
    const property = fc.property(worlds, (world) => {
      const found = evaluateWorld(world).flatMap(({ findings }) => ofKind(findings, "unaccounted_signature"));
      const open = ledgerRowsAt(world).filter(({ vaultRequestId }) => !vaultRequestId);
      for (const theft of world.thefts) {
        if (open.some((row) => canCover(row, theft))) continue;
        const { id: _, reason, ...facts } = found.find(({ requestId }) => requestId === theft.requestId) ?? {};
        assert.deepEqual(facts, { kind: "unaccounted_signature", severity: 0, ...theft });
        assert.ok(reason);
      }
      const accounted = new Set(world.accounted.map(({ requestId }) => requestId));
      assert.deepEqual(
        found.filter(({ requestId = "" }) => accounted.has(requestId)),
        [],
      );
      const doubtful = new Set([...world.thefts, ...world.unknown].map(({ requestId }) => requestId));
      assert.ok(found.every(({ requestId = "" }) => doubtful.has(requestId)));
    });
    await holds(t, property, 1000);
  });

  test("names the theft among the candidates if it reports a crash's own signature instead", async (t) => {
    const property = fc.property(fc.integer({ min: -50, max: 80 }), fc.integer({ min: -50, max: 80 }), (theft, own) => {
      fc.pre(theft !== own);
      const seconds = 600;
      const rows = [
        { ...signature("theft", seconds + theft), callerAddress: thiefAddress },
        signature("own", seconds + own),
      ];
      const found = evaluateAll(windows, rows, [intent(1, seconds)]).flatMap(({ findings }) => findings);
      const [finding] = found;
      assert.equal(found.length, 1);
      assert.ok([finding?.requestId, ...(finding?.candidates ?? [])].includes("theft"));
    });
    await holds(t, property);
  });

  test("always reports strangers, and reports nothing missing once the log is complete", async (t) => {
    const property = fc.property(worlds, (world) => {
      const found = evaluateWorld(world).flatMap(({ findings }) => findings);
      const strangers = ofKind(found, "foreign_identity").map(({ requestId }) => requestId);
      assert.deepEqual(strangers.sort(), world.foreign.map(({ requestId }) => requestId).sort());
      for (const kind of ["missing_record", "foreign_operation", "unaccounted_refusal"] as const)
        assert.deepEqual(ofKind(found, kind), []);
    });
    await holds(t, property, 500);
  });

  test("reports every record that was cut from the log", async (t) => {
    const property = fc.property(worlds, fc.nat(), (world, pick) => {
      const minted = world.ledger.filter(({ row }) => row.outcome === "issued").map(({ row }) => row);
      const cut = minted[pick % minted.length];
      fc.pre(cut !== undefined);
      const rows = vaultRowsAt(world).filter(({ requestId }) => requestId !== cut?.vaultRequestId);
      const missing = evaluateWorld(world, rows).flatMap(({ findings }) => ofKind(findings, "missing_record"));
      assert.deepEqual(
        missing.map(({ ledgerId }) => ledgerId),
        [cut?.id],
      );
    });
    await holds(t, property, 500);
  });

  test("gives the same result for a window in any order of rows, however often they are read", async (t) => {
    const property = fc.property(worlds, (world) => {
      const [vault, ledger] = [vaultRowsAt(world), ledgerRowsAt(world)];
      const [again, twice] = [vault.toReversed(), ledger.toReversed()];
      assert.deepEqual(
        evaluateAll(windows, [...again, ...vault], [...twice, ...ledger], worldEndsMs),
        evaluateAll(windows, vault, ledger, worldEndsMs),
      );
    });
    await holds(t, property, 300);
  });

  test("never withdraws an unaccounted signature when more of the log arrives", async (t) => {
    const property = fc.property(worlds, fc.integer({ min: 0, max: 500 }), (world, minutes) => {
      const early = evaluateWorld(world, vaultRowsAt(world, at(minutes * 60)));
      const late = evaluateWorld(world);
      for (const [index, { findings }] of early.entries()) {
        const ids = new Set(late[index]?.findings.map(({ id }) => id));
        assert.ok(ofKind(findings, "unaccounted_signature").every(({ id }) => ids.has(id)));
      }
    });
    await holds(t, property, 500);
  });
});
