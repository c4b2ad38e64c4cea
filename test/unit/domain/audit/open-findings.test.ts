import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Finding } from "../../../../src/domain/audit/findings.ts";
import {
  type Acknowledgement,
  type Announcement,
  type AuditNotes,
  noNotes,
} from "../../../../src/domain/audit/notes.ts";
import { settleMs, windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import { parseGuid } from "../../../../src/domain/shared/guid.ts";
import { at, hourMs, intent, signature, strangerObjectId } from "../../../support/fixtures/sign-audit.ts";
import { type AuditWorld, createAuditWorld, eventsOf, shown } from "../../../support/fixtures/sign-audit-run.ts";

/** An audit whose first look at the window of 0 is due, with what operators have noted. */
async function begun(): Promise<AuditWorld & { notes: { now: AuditNotes | Error } }> {
  const notes: { now: AuditNotes | Error } = { now: noNotes };
  const world = createAuditWorld(at(0) + settleMs, () => ({
    notes: async () => {
      if (notes.now instanceof Error) throw notes.now;
      return notes.now;
    },
    framesOf: () => ["readNotes notes.ts:1:1"],
  }));
  await world.run();
  world.clock.set(at(0) + windowMs + settleMs);
  return Object.assign(world, { notes });
}

/** The next run, five minutes later, and what it reported. */
async function next(world: AuditWorld): Promise<AuditWorld> {
  world.events.length = 0;
  world.clock.advanceMs(windowMs);
  await world.run();
  return world;
}

const reports = (world: AuditWorld) =>
  eventsOf(world, "sign_audit_finding").map(({ requestId, isNew }) => `${requestId} ${isNew ? "new" : "open"}`);
const written = { by: "alice", at: new Date(at(0)).toISOString(), reason: "it was a test" };
const acknowledge = (finding: { id: string; count?: number }): Acknowledgement => {
  return { id: finding.id, count: finding.count ?? 1, ...written };
};

describe("an open finding", () => {
  test("is reported in every run, as new in the first", async () => {
    const world = await begun();
    world.logged.push(shown(signature("a", 10)));
    await world.run();
    assert.deepEqual(reports(world), ["a new"]);
    for (let run = 0; run < 30; run++) assert.deepEqual(reports(await next(world)), ["a open"]);
    assert.equal(eventsOf(world, "sign_audit_finding")[0]?.isNew, false);
    assert.ok(!world.writes.includes("markNoted"), "nothing to note");
    assert.equal(eventsOf(world, "sign_audit_finished")[0]?.open, 1);
  });

  test("is no longer reported when a late row explains it", async () => {
    const world = await begun();
    world.ledger.push(intent(1, 10, { outcome: "issued", vaultRequestId: "a" }));
    world.clock.set(at(0) + windowMs + hourMs);
    await world.run();
    assert.deepEqual(reports(world), ["a new"]);
    world.logged.push({ row: signature("a", 11), ingestedMs: world.clock.now(), visibleMs: world.clock.now() });
    assert.deepEqual(reports(await next(world)), []);
    assert.equal(eventsOf(world, "sign_audit_resolved").length, 1);
    assert.equal(eventsOf(world, "sign_audit_finished")[0]?.open, 0);
  });

  test("is no longer reported when it is acknowledged, which is one event with the person and the reason", async () => {
    const world = await begun();
    world.logged.push(shown(signature("a", 10)), shown(signature("b", 11)));
    await world.run();
    const [finding] = eventsOf(world, "sign_audit_finding");
    assert.ok(finding);
    world.notes.now = { ...noNotes, acknowledgements: [acknowledge(finding)] };
    assert.deepEqual(reports(await next(world)), ["b open"]);
    assert.deepEqual(
      eventsOf(world, "sign_audit_noted").map(({ id, how, notedBy, note }) => [id, how, notedBy, note]),
      [[finding.id, "acknowledged", "alice", "it was a test"]],
    );
    assert.deepEqual(
      world.writes.filter((write) => write === "markNoted"),
      ["markNoted"],
    );
    assert.deepEqual(eventsOf(await next(world), "sign_audit_noted"), []);
    world.notes.now = noNotes;
    assert.deepEqual(reports(await next(world)), ["a open", "b open"], "withdrawn");
  });

  test("that now covers more rows than were acknowledged is open again", async () => {
    const world = await begun();
    const refused = (count: number) => {
      for (let i = 0; i < count; i++) {
        world.logged.push(shown(signature(`r${i}`, i, { callerObjectId: strangerObjectId, httpStatus: 403 })));
      }
    };
    refused(3);
    await world.run();
    const [finding] = eventsOf(world, "sign_audit_finding");
    assert.ok(finding);
    world.notes.now = { ...noNotes, acknowledgements: [acknowledge(finding)] };
    assert.deepEqual(reports(await next(world)), []);
    world.logged.length = 0;
    refused(4);
    assert.deepEqual(reports(await next(world)), ["r0 open"]);
  });

  test("is reported even if the notes cannot be read, which is reported too", async () => {
    const world = await begun();
    world.logged.push(shown(signature("a", 10)));
    await world.run();
    world.notes.now = new TypeError("s3cret");
    assert.deepEqual(reports(await next(world)), ["a open"]);
    assert.deepEqual(eventsOf(world, "sign_audit_failed"), [
      { event: "sign_audit_failed", because: "notes_not_readable", frames: ["readNotes notes.ts:1:1"] },
    ]);
  });

  test("is listed if it is among the hundred worst and oldest of a run; the others are counted", async () => {
    const world = await begun();
    const put = (id: number, severity: Finding["severity"]) => {
      const finding: Finding = { id: `${id}`, kind: "missing_record", severity, timeMs: at(id), requestId: `f${id}` };
      return [`${id}`, { finding, isResolved: false }] as const;
    };
    const all = Array.from({ length: 150 }, (_, i) => put(i, i === 149 ? 0 : 1));
    world.stored.findings.set(at(-3000), new Map(all.reverse()));
    const listed = reports(await next(world));
    assert.equal(listed.length, 100);
    assert.deepEqual([listed[0], listed[1], listed[99]], ["f149 open", "f0 open", "f98 open"]);
    assert.equal(eventsOf(world, "sign_audit_finished")[0]?.open, 150);
  });
});

test("a finding is reported for ninety days, as long as the vault's log can show its cause", async () => {
  const world = await begun();
  const put = (windowFromMs: number, requestId: string) => {
    const finding: Finding = { id: requestId, kind: "missing_record", severity: 1, timeMs: windowFromMs, requestId };
    world.stored.findings.set(windowFromMs, new Map([[requestId, { finding, isResolved: false }]]));
  };
  const oldestMs = world.clock.now() + windowMs - 90 * 24 * hourMs;
  put(oldestMs, "kept");
  put(oldestMs - 1, "older");
  assert.deepEqual(reports(await next(world)), ["kept open"]);
});

test("a finding says how many other signatures may be the stolen one instead", async () => {
  const world = await begun();
  world.ledger.push(intent(1, 10));
  world.logged.push(shown(signature("a", 11)), shown(signature("b", 12)), shown(signature("c", 200)));
  await world.run();
  assert.deepEqual(
    eventsOf(world, "sign_audit_finding").map(({ requestId, candidates }) => [requestId, candidates]),
    [
      ["b", 1],
      ["c", undefined],
    ],
  );
});

test("only the first of two notes on a finding is reported", async () => {
  const world = await begun();
  world.logged.push(shown(signature("a", 10)));
  await world.run();
  const [finding] = eventsOf(world, "sign_audit_finding");
  assert.ok(finding);
  const [first, second] = [acknowledge(finding), { ...acknowledge(finding), by: "bob" }];
  world.notes.now = { ...noNotes, acknowledgements: [{ ...first, id: "another" }, first, second] };
  assert.equal(eventsOf(await next(world), "sign_audit_noted")[0]?.notedBy, "alice");
});

describe("planned work", () => {
  const operator = parseGuid(strangerObjectId) ?? assert.fail();
  const announcement: Announcement = {
    operatorObjectId: operator,
    keyName: "Token-Signing",
    from: new Date(at(0)).toISOString(),
    to: new Date(at(0) + hourMs).toISOString(),
    ...written,
  };
  const found = async (announced: Partial<Announcement>, changes: Parameters<typeof signature>[2] = {}) => {
    const world = await begun();
    world.notes.now = { ...noNotes, announcements: [{ ...announcement, ...announced }] };
    world.logged.push(shown(signature("a", 10, { callerObjectId: strangerObjectId, ...changes })));
    await world.run();
    return [reports(world).length, eventsOf(world, "sign_audit_noted").map(({ how }) => how)];
  };

  test("that was announced is a line of the report and not an open finding", async () => {
    assert.deepEqual(await found({}), [0, ["announced"]]);
  });

  test("matches its key and operator in any letter case, from its first millisecond on", async () => {
    const [from, logged] = [new Date(at(10)).toISOString(), { keyName: "TOKEN-Signing" }];
    assert.deepEqual(await found({ from }, { ...logged, callerObjectId: strangerObjectId.toUpperCase() }), [
      0,
      ["announced"],
    ]);
    const operatorObjectId = strangerObjectId.toUpperCase() as Announcement["operatorObjectId"];
    assert.deepEqual(await found({ operatorObjectId }), [0, ["announced"]]);
  });

  test("that was announced twice is reported with the first announcement", async () => {
    const world = await begun();
    world.notes.now = { ...noNotes, announcements: [announcement, { ...announcement, by: "bob" }] };
    world.logged.push(shown(signature("a", 10, { callerObjectId: strangerObjectId })));
    await world.run();
    assert.equal(eventsOf(world, "sign_audit_noted")[0]?.notedBy, "alice");
  });

  const others: Record<string, [Partial<Announcement>, Parameters<typeof signature>[2]]> = {
    "another operator": [{}, { callerObjectId: "cccccccc-0000-4000-8000-000000000003" }],
    "another key": [{}, { keyName: "publisher" }],
    "a key that the log does not name": [{ keyName: "undefined" }, { keyName: "" }],
    "the app's own identity": [{}, { callerObjectId: "aaaaaaaa-0000-4000-8000-000000000001" }],
    "a time before it": [{ from: new Date(at(11)).toISOString() }, {}],
    "a time after it": [{ to: new Date(at(10)).toISOString() }, {}],
    "an announcement of more than an hour": [{ to: new Date(at(0) + hourMs + 1).toISOString() }, {}],
    "what the vault refused": [{}, { httpStatus: 403 }],
    "a theft, where somebody has announced the app's own identity": [
      { operatorObjectId: parseGuid("aaaaaaaa-0000-4000-8000-000000000001") ?? assert.fail() },
      { callerObjectId: "aaaaaaaa-0000-4000-8000-000000000001" },
    ],
  };
  for (const [what, [announced, changes]] of Object.entries(others)) {
    test(`does not cover ${what}`, async () => {
      assert.deepEqual(await found(announced, changes), [1, []]);
    });
  }
});

test("an unusual rate is reported in every run until an hour of usual windows has passed", async () => {
  const world = await begun();
  for (let i = 0; i < 1_001; i++) {
    world.ledger.push(intent(i, i / 4, { outcome: "issued", vaultRequestId: `r${i}` }));
    world.logged.push(shown(signature(`r${i}`, i / 4)));
  }
  await world.run();
  let runs = 0;
  for (; eventsOf(world, "sign_rate_abnormal").length === 1; runs++) await next(world);
  assert.equal(runs, 12);
});
