import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseNotes } from "../../../src/adapters/policy/notes.ts";
import type { OpenFinding } from "../../../src/domain/audit/findings.ts";
import { type AuditNotesDocument, noteOn } from "../../../src/domain/audit/notes.ts";
import { startMs } from "../../support/fakes/clock.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { createCliWorld } from "./cli-world.ts";

type World = ReturnType<typeof createCliWorld>;
const idOf = (number: number) => `${number}`.padStart(32, "0");
const at = new Date(startMs).toISOString();

function put(world: World, number: number, more: Partial<OpenFinding["finding"]> = {}): OpenFinding["finding"] {
  const finding = { id: idOf(number), kind: "missing_record", severity: 1, timeMs: startMs - 60_000, ...more } as const;
  world.findings.push({ windowFromMs: startMs - 300_000, finding, isNoted: false });
  return finding;
}

/** As the app reads it. */
function notesOf({ notes }: World): AuditNotesDocument {
  const document = parseNotes(notes.text ?? "");
  assert.ok(!Array.isArray(document), JSON.stringify(document));
  return document;
}

describe("findings list", () => {
  test("says what is open, the worst first, and ends with 1", async () => {
    const world = createCliWorld();
    put(world, 1);
    put(world, 2, {
      severity: 0,
      kind: "unaccounted_signature",
      keyName: "orders\u001b[2J",
      callerAddress: "203.0.113.66",
    });
    const { exit, out } = await world.run("findings", "list");
    assert.equal(exit, 1);
    const [, first, second] = out.split("\n");
    assert.match(first ?? "", /^0+2 +0 +unaccounted_signature .* orders\?\[2J .* 203\.0\.113\.66 +open$/);
    assert.match(second ?? "", /^0+1 +1 +missing_record/);
  });

  test("ends with 0 where nothing is open, and shows with --all who noted what", async () => {
    const world = createCliWorld();
    assert.deepEqual(await world.run("findings", "list"), { exit: 0, out: "No finding is open.", err: "" });
    put(world, 1);
    await world.run("findings", "acknowledge", idOf(1), "--reason", "a drill");
    assert.deepEqual(await world.run("findings", "list"), { exit: 0, out: "No finding is open.", err: "" });
    assert.match((await world.run("findings", "list", "--all")).out, /acknowledged by anna@example\.com: a drill$/);
    const [json] = JSON.parse((await world.run("findings", "list", "--all", "--json")).out);
    assert.deepEqual(json.note, { how: "acknowledged", notedBy: "anna@example.com", note: "a drill" });
  });
});

describe("findings acknowledge", () => {
  test("notes who, when and why, for the number of rows that the finding stands for", async () => {
    const world = createCliWorld();
    put(world, 1);
    put(world, 2, { count: 40 });
    const { exit } = await world.run(
      "findings",
      "acknowledge",
      idOf(1),
      idOf(2),
      "--reason",
      "known",
      "--name",
      "Anna",
    );
    assert.equal(exit, 0);
    const written = { by: "Anna (anna@example.com)", at, reason: "known" };
    assert.deepEqual(notesOf(world), {
      version: 1,
      acknowledgements: [
        { id: idOf(1), count: 1, ...written },
        { id: idOf(2), count: 40, ...written },
      ],
      announcements: [],
    });
  });

  test("needs a reason and a finding that is open", async () => {
    const world = createCliWorld();
    assert.equal((await world.run("findings", "acknowledge", idOf(1))).exit, 2);
    const { exit, err } = await world.run("findings", "acknowledge", idOf(1), "--reason", "x");
    assert.equal(exit, 1);
    assert.match(err, /\ntry: keyhold findings list$/);
    assert.equal(world.notes.writes, 0);
  });

  test("loses nothing that somebody else writes at the same time", async () => {
    const world = createCliWorld();
    put(world, 1);
    put(world, 2);
    await world.run("findings", "acknowledge", idOf(1), "--reason", "first");
    const first = world.notes.text;
    await world.run("findings", "acknowledge", idOf(2), "--reason", "second");
    const both = world.notes.text;
    world.notes.text = undefined;
    world.notes.meanwhile = () => {
      world.notes.text ??= first;
      world.notes.meanwhile = () => {};
    };
    await world.run("findings", "acknowledge", idOf(2), "--reason", "second");
    assert.equal(world.notes.text, both);
  });

  test("does not write over notes that are not valid", async () => {
    const world = createCliWorld();
    put(world, 1);
    world.notes.text = '{ "version": 1 }';
    const { exit, err } = await world.run("findings", "acknowledge", idOf(1), "--reason", "x");
    assert.equal(exit, 1);
    assert.match(err, /every finding is reported as open/);
    assert.equal(world.notes.writes, 0);
  });
});

describe("rotation announce", () => {
  const announce = (world: World, ...more: string[]) =>
    world.run(
      "rotation",
      "announce",
      "--operator",
      ids.contosoId,
      "--key",
      "orders-app",
      "--reason",
      "yearly",
      ...more,
    );

  test("covers that operator's signatures with that key for an hour, and no more", async () => {
    const world = createCliWorld();
    assert.equal((await announce(world)).exit, 0);
    const finding = put(world, 1, {
      ...{ kind: "foreign_identity", severity: 0, callerObjectId: ids.contosoId },
      ...{ keyName: "orders-app", timeMs: startMs + 1_000 },
    });
    const notes = notesOf(world);
    assert.deepEqual(noteOn(finding, notes), { how: "announced", notedBy: "anna@example.com", note: "yearly" });
    assert.equal(noteOn({ ...finding, timeMs: startMs + 3_600_000 }, notes), undefined);
    assert.equal(noteOn({ ...finding, keyName: "publisher" }, notes), undefined);
  });

  test("prints the suppression rule for that operator and key, of the vault's resource group", async () => {
    const { out } = await announce(createCliWorld(), "--minutes", "30");
    assert.match(out, /--scopes \/subscriptions\/s-1\/resourceGroups\/g-1 /);
    assert.match(out, /--filter-alert-rule-name Contains vault-0/);
    assert.ok(out.includes(`"orders-app"},{"name":"Client","value":"-"},{"name":"Caller","value":"${ids.contosoId}"`));
    assert.match(out, /--schedule-start-datetime '2026-06-01 12:00:00' --schedule-end-datetime '2026-06-01 13:30:00'$/);
  });

  test("does not set it without --yes, and with --yes must know where the vault is", async () => {
    const world = createCliWorld();
    assert.match((await announce(world)).out, /still pages/);
    world.vaultResourceId = undefined;
    const { exit, err } = await announce(world, "--yes");
    assert.equal(exit, 2);
    assert.match(err, /KEYHOLD_VAULT_RESOURCE_ID is not set/);
    assert.equal(world.notes.writes, 1);
  });

  test("takes no more than an hour, and no name that would end the rule's text", async () => {
    const world = createCliWorld();
    assert.equal((await announce(world, "--minutes", "61")).exit, 2);
    const { exit } = await world.run(
      "rotation",
      "announce",
      "--operator",
      ids.contosoId,
      "--key",
      "a'b",
      "--reason",
      "x",
    );
    assert.equal(exit, 2);
    assert.equal(world.notes.writes, 0);
  });
});
