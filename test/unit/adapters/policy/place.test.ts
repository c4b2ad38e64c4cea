/** Where the operators' documents are stored, and how their absence is recognised. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { RestError } from "@azure/storage-blob";
import { besidePolicy, isAbsent, readerOf } from "../../../../src/adapters/policy/place.ts";

test("another document of a policy is stored beside it, even if the name has .json in its middle", () => {
  assert.deepEqual(besidePolicy({ file: "a.json.d/policy.json" }, "findings"), {
    file: "a.json.d/policy.findings.json",
  });
  assert.deepEqual(besidePolicy({ file: "policyjson" }, "findings"), { file: "policyjson.findings.json" });
});

test("a file is read without any identity, and only if its content has changed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keyhold-place-"));
  const file = join(folder, "policy.json");
  const read = readerOf({ file }, () => assert.fail("no identity is needed"));
  await assert.rejects(read(undefined), isAbsent);
  await writeFile(file, "München", "utf8");
  const first = await read(undefined);
  assert.equal(first?.text, "München");
  assert.match(first.etag, /^[0-9a-f]{64}$/);
  assert.equal(await read(first.etag), undefined);
  await writeFile(file, "Munich", "utf8");
  assert.equal((await read(first.etag))?.text, "Munich");
  await rm(folder, { recursive: true });
});

describe("a document is absent", () => {
  const error = (more: object) => Object.assign(new Error("x"), more);
  const cases: [what: string, error: unknown, isAbsent: boolean][] = [
    ["where there is no such blob", new RestError("x", { statusCode: 404, code: "BlobNotFound" }), true],
    ["not where there is no such container", new RestError("x", { statusCode: 404, code: "ContainerNotFound" }), false],
    ["not where the answer has another status", new RestError("x", { statusCode: 409, code: "BlobNotFound" }), false],
    ["not where the host of storage is not found", new RestError("x", { code: "ENOENT" }), false],
    ["where there is no such file", error({ code: "ENOENT" }), true],
    ["not where the file may not be read", error({ code: "EACCES" }), false],
    ["not for an error without a code", error({}), false],
    ["not for what is no error", { code: "ENOENT" }, false],
  ];
  for (const [what, thrown, expected] of cases) test(what, () => assert.equal(isAbsent(thrown), expected));
});
