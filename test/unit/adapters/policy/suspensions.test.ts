/**
 * Suspensions stored beside the policy: their place, their allowed content, and that a missing document differs from an
 * unreadable one.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { RestError } from "@azure/storage-blob";
import { besidePolicy, readTextFile } from "../../../../src/adapters/policy/place.ts";
import { createSuspensionsSource } from "../../../../src/adapters/policy/source.ts";
import {
  parseSuspensions,
  salvageSuspensions,
  suspensionsText,
} from "../../../../src/adapters/policy/suspensions-schema.ts";
import type { SuspensionsDocument } from "../../../../src/domain/policy/suspensions.ts";
import * as ids from "../../../support/fixtures/ids.ts";

const folder = await mkdtemp(join(tmpdir(), "keyhold-suspensions-"));
after(() => rm(folder, { recursive: true, force: true }));

const valid = (): SuspensionsDocument => ({
  version: 1,
  suspensions: [
    { kind: "tenant", id: ids.contosoId, by: "anna@example.com", at: "2026-06-01T12:00:00Z", reason: "incident" },
    { kind: "caller", id: ids.billingObjectId, by: "anna@example.com", at: "2026-06-01T12:00:00.123+02:00" },
  ],
});

test("they are stored beside the policy, under its name", () => {
  assert.deepEqual(besidePolicy({ file: "/etc/keyhold/policy.json" }, "suspensions"), {
    file: "/etc/keyhold/policy.suspensions.json",
  });
  assert.deepEqual(besidePolicy({ blobUrl: "https://a.blob.core.windows.net/policy/eu/a.json" }, "suspensions"), {
    blobUrl: "https://a.blob.core.windows.net/policy/eu/a.suspensions.json",
  });
  assert.deepEqual(besidePolicy({ file: "policy" }, "suspensions"), { file: "policy.suspensions.json" });
});

test("they are read as written, and an id in upper case means the same", () => {
  assert.deepEqual(parseSuspensions(suspensionsText(valid())), valid());
  const loud = suspensionsText(valid()).replace(ids.contosoId, ids.contosoId.toUpperCase());
  assert.deepEqual(parseSuspensions(loud), valid());
});

test("a name and a reason may have this length, and can be read by people, too", () => {
  const longest = withFirst(valid(), { by: "x".repeat(200), reason: "x".repeat(500) });
  assert.deepEqual(parseSuspensions(JSON.stringify(longest)), longest);
  const text = suspensionsText(valid());
  assert.ok(text.includes('\n      "reason": "incident"') && text.endsWith("\n}\n"), text);
});

test("what is wrong with an id or a time is said in words of our own", () => {
  const problems = parseSuspensions(JSON.stringify(withFirst(valid(), { id: "contoso", at: "yesterday" })));
  assert.ok(Array.isArray(problems));
  assert.deepEqual(
    problems.map(({ rule }) => rule),
    ["must be a GUID", "must be an RFC 3339 time"],
  );
});

const faults: [what: string, change: (document: SuspensionsDocument) => object, path: string][] = [
  ["another version", (document) => ({ ...document, version: 2 }), "version"],
  ["an unknown key", (document) => ({ ...document, suspended: [] }), "(file)"],
  ["no list", () => ({ version: 1 }), "suspensions"],
  ["an unknown kind", (document) => withFirst(document, { kind: "tenants" }), "suspensions[0].kind"],
  ["an id that is no GUID", (document) => withFirst(document, { id: "contoso" }), "suspensions[0].id"],
  ["no time", (document) => withFirst(document, { at: "yesterday" }), "suspensions[0].at"],
  ["nobody who did it", (document) => withFirst(document, { by: undefined }), "suspensions[0].by"],
  ["a name that is too long", (document) => withFirst(document, { by: "x".repeat(201) }), "suspensions[0].by"],
  [
    "a reason that is too long",
    (document) => withFirst(document, { reason: "x".repeat(501) }),
    "suspensions[0].reason",
  ],
  ["a reason that is none", (document) => withFirst(document, { reason: 1 }), "suspensions[0].reason"],
  ["a misspelt key of an entry", (document) => withFirst(document, { Reason: "x" }), "suspensions[0]"],
];
function withFirst({ suspensions: [first, ...rest] }: SuspensionsDocument, change: object) {
  return { version: 1, suspensions: [{ ...first, ...change }, ...rest] };
}
for (const [what, change, path] of faults) {
  test(`${what} makes them malformed, and an operator may choose to keep the readable part`, () => {
    const text = JSON.stringify(change(valid()));
    const problems = parseSuspensions(text);
    assert.ok(Array.isArray(problems));
    assert.deepEqual(
      problems.map((problem) => problem.path),
      [path],
    );
    const kept = path === "suspensions" ? 0 : path.startsWith("suspensions[0]") ? 1 : 2;
    assert.equal(salvageSuspensions(text).length, kept);
  });
}

test("no part of a text that is not JSON can be kept", () => {
  assert.ok(Array.isArray(parseSuspensions("suspensions:")));
  assert.deepEqual(salvageSuspensions("suspensions:"), []);
});

describe("the source of suspensions", () => {
  const notFound = (code: string) => new RestError("not there", { statusCode: 404, code });
  const failing = (error: Error) =>
    createSuspensionsSource(async () => {
      throw error;
    });

  test("a missing blob suspends nothing, and is not reported as a change again", async () => {
    const source = failing(notFound("BlobNotFound"));
    const reading = await source.read(undefined);
    assert.ok(reading.changed && "value" in reading && reading.value.tenant.size === 0);
    assert.deepEqual(await source.read(reading.etag), { changed: false });
  });

  for (const error of [
    notFound("ContainerNotFound"),
    new RestError("no", { statusCode: 403, code: "AuthorizationPermissionMismatch" }),
    Object.assign(new Error("no"), { code: "EACCES" }),
  ]) {
    test(`${error.code} is not treated as a document without entries`, async () => {
      await assert.rejects(failing(error).read(undefined), error);
    });
  }

  test("a document that appears later is read without an ETag, since storage has sent none", async () => {
    const asked: (string | undefined)[] = [];
    const source = createSuspensionsSource(async (etag) => {
      asked.push(etag);
      return { etag: "e", text: suspensionsText(valid()) };
    });
    const reading = await source.read("absent");
    assert.deepEqual(asked, [undefined]);
    assert.ok(reading.changed && "value" in reading && reading.value.tenant.has(ids.contosoId));
  });

  test("a file appears, changes, and is deleted", async () => {
    const file = join(folder, "policy.suspensions.json");
    const source = createSuspensionsSource(readTextFile(file));
    const none = await source.read(undefined);
    assert.ok(none.changed && "value" in none);
    await writeFile(file, suspensionsText(valid()));
    const some = await source.read(none.etag);
    assert.ok(some.changed && "value" in some && some.value.caller.has(ids.billingObjectId));
    assert.deepEqual(await source.read(some.etag), { changed: false });
    await writeFile(file, "{");
    const broken = await source.read(some.etag);
    assert.ok(broken.changed && "problems" in broken);
    await rm(file);
    const gone = await source.read(some.etag);
    assert.ok(gone.changed && "value" in gone && gone.value.caller.size === 0);
  });
});
