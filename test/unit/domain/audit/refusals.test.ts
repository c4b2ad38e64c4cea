import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listedFindings } from "../../../../src/domain/audit/findings.ts";
import { judgeRefusals } from "../../../../src/domain/audit/refusals.ts";
import { windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import type { Refusals, VaultLogRow } from "../../../../src/domain/audit/vault-log.ts";
import {
  at,
  hourMs,
  intent,
  signature,
  signingObjectId,
  strangerObjectId,
} from "../../../support/fixtures/sign-audit.ts";
import { beginAudit, eventsOf, shown } from "../../../support/fixtures/sign-audit-run.ts";

/** Nothing was signed, and a refused request costs a stranger nothing. */
describe("refusals", () => {
  test("4,000 refused signatures of a stranger are one finding and one write, with their number", async () => {
    const world = await beginAudit();
    for (let i = 0; i < 4_000; i++) {
      const asked = { callerObjectId: strangerObjectId, httpStatus: 403, callerAddress: `198.51.100.${i % 250}` };
      world.logged.push(shown(signature(`r${i}`, i / 20, { ...asked, keyName: `guess-${i}` })));
    }
    await world.run();
    const found = eventsOf(world, "sign_audit_finding");
    assert.deepEqual(
      found.map(({ finding, severity, count, callerObjectId }) => [finding, severity, count, callerObjectId]),
      [["foreign_identity", 2, 4_000, strangerObjectId]],
    );
    assert.equal(world.writes.filter((write) => write === "putFindings").length, 1);
  });

  test("are one finding for each identity and reason, the same at every look, whatever else differs", async () => {
    const world = await beginAudit();
    const identities = [strangerObjectId, "cccccccc-0000-4000-8000-000000000003"];
    const statuses = [400, 403, 404, 429];
    const refuse = (i: number, lagMs = 0) => {
      const callerObjectId = identities[i % 2] ?? "";
      const madeUp = { keyName: `guess-${i}`, keyVersion: `v${i}`, callerAppId: `app-${i}`, clientInfo: `curl/${i}` };
      const asked = { callerObjectId, callerAddress: `198.51.100.${i % 250}`, httpStatus: statuses[(i >> 1) % 4] ?? 0 };
      world.logged.push(shown(signature(`r${i}`, i / 20, { ...asked, ...madeUp }), lagMs));
    };
    for (let i = 0; i < 4_000; i++) refuse(i);
    await world.run();
    const found = eventsOf(world, "sign_audit_finding");
    assert.deepEqual(
      found.map((each) => `${each.callerObjectId} ${each.httpStatus} ${each.count} ${each.isNew}`).sort(),
      identities.flatMap((identity) => statuses.map((status) => `${identity} ${status} 500 true`)).sort(),
    );
    assert.equal(new Set(found.map(({ id }) => id)).size, 8);
    // A late one makes the window be looked at again: one finding has another number, and none is new or resolved.
    refuse(4_000, hourMs);
    world.events.length = 0;
    world.writes.length = 0;
    world.clock.advanceMs(hourMs);
    await world.run();
    const later = eventsOf(world, "sign_audit_finding");
    assert.deepEqual(later.map(({ id }) => id).sort(), found.map(({ id }) => id).sort());
    assert.deepEqual(later.map(({ count }) => count).sort(), [500, 500, 500, 500, 500, 500, 500, 501]);
    assert.ok(later.every(({ isNew }) => !isNew));
    assert.deepEqual(eventsOf(world, "sign_audit_resolved"), []);
    assert.deepEqual(
      world.writes.filter((write) => write === "putFindings"),
      ["putFindings"],
    );
  });

  test("of 1,000 identities for 200 reasons are a hundred findings, and one more for the rest", async () => {
    const world = await beginAudit();
    for (let i = 0; i < 1_000; i++) {
      const operation = ["KeySign", "keysign", "KEYSIGN"][i % 3] ?? "";
      const asked = { callerObjectId: `${i}`, httpStatus: 400 + (i % 200), operation };
      if (asked.httpStatus === 401) asked.httpStatus = 403;
      world.logged.push(shown(signature(`r${i}`, i / 20, asked)));
    }
    for (const isFirst of [true, false]) {
      world.events.length = 0;
      await world.run();
      const found = eventsOf(world, "sign_audit_finding");
      assert.equal(found.filter(({ isNew }) => isNew).length, isFirst ? listedFindings + 1 : 0);
      assert.ok(found.length <= listedFindings + 1);
      assert.deepEqual(eventsOf(world, "sign_audit_resolved"), []);
      assert.equal(eventsOf(world, "sign_audit_finished")[0]?.open, listedFindings + 1);
      const stored = [...(world.stored.findings.get(at(0))?.values() ?? [])];
      assert.equal(stored.length, listedFindings + 1);
      assert.equal(
        stored.reduce((sum, { finding: { count = 1 } }) => sum + count, 0),
        1_000,
      );
      world.clock.set(at(0) + windowMs + hourMs);
    }
  });

  test("that the ledger explains by the vault's throttling hide no others", async () => {
    const world = await beginAudit();
    const refused = { httpStatus: 429 };
    for (let i = 0; i < 50; i++) {
      world.logged.push(shown(signature(`t${i}`, i, refused)));
      world.ledger.push(intent(i, i, { outcome: "not_signed", vaultRequestId: `t${i}` }));
    }
    world.logged.push(shown(signature("probe", 60, { httpStatus: 400 })));
    await world.run();
    assert.deepEqual(
      eventsOf(world, "sign_audit_finding").map(({ finding, httpStatus, count }) => [finding, httpStatus, count]),
      [["unaccounted_refusal", 400, 1]],
    );
  });
});

describe("refusals of our identity", () => {
  const isOurs = ({ callerObjectId }: VaultLogRow) => callerObjectId === signingObjectId;
  const refused = (count: number, httpStatus: number, more: Partial<VaultLogRow> = {}): Refusals => {
    return { ...signature("r", 10, { httpStatus, ...more }), count, lastMs: at(20) };
  };
  const judged = (refusals: Refusals[], intents: number) =>
    judgeRefusals(refusals, isOurs, intents, at(0)).map(({ kind, httpStatus, count }) => [kind, httpStatus, count]);

  test("are reported by how many more they are than the ledger explains", () => {
    assert.deepEqual(judged([refused(5, 429)], 5), []);
    assert.deepEqual(judged([refused(5, 429)], 2), [["unaccounted_refusal", 429, 3]]);
  });

  test("are explained the largest group first, in whatever order they were read", () => {
    const groups = [refused(1, 400), refused(50, 429), refused(2, 403)];
    for (const read of [groups, groups.toReversed()]) {
      assert.deepEqual(judged(read, 52), [["unaccounted_refusal", 400, 1]]);
    }
  });

  test("are the only ones that count for other operations than a signature", () => {
    const get = { operation: "KeyGet" };
    assert.deepEqual(judged([refused(3, 403, { ...get, callerObjectId: strangerObjectId })], 0), []);
    assert.deepEqual(judged([refused(3, 403, get)], 9), [["foreign_operation", 403, 3]]);
  });
});
