/**
 * The notes on findings stored beside the policy: their allowed content, and that a missing document differs from an
 * unreadable one.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createNotesSource, notesText, parseNotes } from "../../../../src/adapters/policy/notes.ts";
import type { AuditNotesDocument } from "../../../../src/domain/audit/notes.ts";
import * as ids from "../../../support/fixtures/ids.ts";

const written = { by: "anna@example.com", at: "2026-06-01T12:00:00Z", reason: "a drill" };
const acknowledgement = { id: "0123456789abcdef0123456789abcdef", count: 3, ...written };
const announcement = {
  ...{ operatorObjectId: ids.billingObjectId, keyName: "client-assertion-2", ...written },
  ...{ from: "2026-06-01T12:00:00.5+02:00", to: "2026-06-01T12:30:00Z" },
};
const valid: AuditNotesDocument = {
  ...{ version: 1, acknowledgements: [acknowledgement], announcements: [announcement] },
};
const acknowledging = (change: object) => ({ ...valid, acknowledgements: [{ ...acknowledgement, ...change }] });
const announcing = (change: object) => ({ ...valid, announcements: [{ ...announcement, ...change }] });

describe("notes on findings", () => {
  test("are read as written, one member per line with a final newline, so that people can read them too", () => {
    const text = notesText(valid);
    assert.deepEqual(parseNotes(text), valid);
    assert.ok(text.includes(`\n      "reason": "a drill"`) && text.endsWith("\n}\n"), text);
  });

  test("may be as long as this, or as short, and an id in upper case means the same", () => {
    const longest = { by: "x".repeat(200), reason: "x".repeat(500) };
    const keyName = "k".repeat(127);
    const operatorObjectId = ids.billingObjectId.toUpperCase();
    for (const document of [
      { ...valid, acknowledgements: [], announcements: [] },
      acknowledging({ ...longest, count: 1 }),
      announcing({ ...longest, keyName }),
      acknowledging({ reason: "x" }),
    ]) {
      assert.ok(!Array.isArray(parseNotes(JSON.stringify(document))), JSON.stringify(document));
    }
    assert.deepEqual(parseNotes(JSON.stringify(announcing({ operatorObjectId }))), valid);
  });

  const faults: [what: string, document: object, path: string, rule: RegExp][] = [
    ["another version", { ...valid, version: 2 }, "version", /one of 1/],
    ["an unknown key", { ...valid, extra: 1 }, "(file)", /unknown key "extra"/],
    ["no acknowledgements", { ...valid, acknowledgements: undefined }, "acknowledgements", /array/],
    ["no announcements", { ...valid, announcements: undefined }, "announcements", /array/],
    ["a misspelt key", acknowledging({ Reason: "x" }), "acknowledgements[0]", /unknown key "Reason"/],
    [
      "an id of 33 letters",
      acknowledging({ id: `${acknowledgement.id}0` }),
      "acknowledgements[0].id",
      /id of a finding/,
    ],
    [
      "an id after something",
      acknowledging({ id: `x${acknowledgement.id}` }),
      "acknowledgements[0].id",
      /id of a finding/,
    ],
    ["a count of none", acknowledging({ count: 0 }), "acknowledgements[0].count", /empty/],
    ["half a row", acknowledging({ count: 1.5 }), "acknowledgements[0].count", /int/],
    ["nobody who did it", acknowledging({ by: undefined }), "acknowledgements[0].by", /string/],
    ["a name that is too long", acknowledging({ by: "x".repeat(201) }), "acknowledgements[0].by", /form/],
    ["no reason", acknowledging({ reason: "" }), "acknowledgements[0].reason", /empty/],
    ["a reason that is too long", acknowledging({ reason: "x".repeat(501) }), "acknowledgements[0].reason", /form/],
    ["a time that is none", acknowledging({ at: "yesterday" }), "acknowledgements[0].at", /RFC 3339 time/],
    ["an unknown key of a plan", announcing({ until: "x" }), "announcements[0]", /unknown key "until"/],
    ["an operator that is no id", announcing({ operatorObjectId: "a" }), "announcements[0].operatorObjectId", /a GUID/],
    ["a key with a slash", announcing({ keyName: "a/b" }), "announcements[0].keyName", /name of a key/],
    ["a key after a line break", announcing({ keyName: "\na" }), "announcements[0].keyName", /name of a key/],
    ["a key before a line break", announcing({ keyName: "a\n" }), "announcements[0].keyName", /name of a key/],
    ["a plan without beginning", announcing({ from: undefined }), "announcements[0].from", /type string/],
    ["a plan without end", announcing({ to: "2026-06-01" }), "announcements[0].to", /RFC 3339 time/],
  ];
  for (const [what, document, path, rule] of faults) {
    test(`with ${what} are not valid, and the error names the place`, () => {
      const problems = parseNotes(JSON.stringify(document));
      assert.ok(Array.isArray(problems));
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [path],
      );
      assert.match(problems[0]?.rule ?? "", rule);
    });
  }
});

describe("the source of notes", () => {
  const sourceOf = (text: string) => createNotesSource(async () => ({ etag: "e", text }));
  const failing = (error: Error) => createNotesSource(() => Promise.reject(error))();

  test("reads the whole document each time, whatever it read before", async () => {
    const etags: unknown[] = [];
    const read = createNotesSource(async (etag) => {
      etags.push(etag);
      return { etag: "e", text: notesText(valid) };
    });
    assert.deepEqual([await read(), await read()], [valid, valid]);
    assert.deepEqual(etags, [undefined, undefined]);
  });

  test("has none if there is no document", async () => {
    const none = await failing(Object.assign(new Error("x"), { code: "ENOENT" }));
    assert.deepEqual(none, { acknowledgements: [], announcements: [] });
  });

  test("fails if the document cannot be read or is not valid, so that every finding counts as open", async () => {
    await assert.rejects(failing(Object.assign(new Error("x"), { code: "EACCES" })), { code: "EACCES" });
    for (const text of ["", "{", JSON.stringify({ ...valid, version: 2 })])
      await assert.rejects(sourceOf(text)(), TypeError);
  });
});
