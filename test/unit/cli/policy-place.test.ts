/** Changing a policy where it lies: in its text, and in a file. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setMember } from "../../../src/cli/policy/json-text.ts";
import { filePlace } from "../../../src/cli/policy/policy-place.ts";

const folder = await mkdtemp(join(tmpdir(), "keyhold-cli-"));
after(() => rm(folder, { recursive: true, force: true }));

const manners: [what: string, text: string, expected: string][] = [
  ["one line", '{"tenants":[{"name":"a","state":"active"}]}', '{"tenants":[{"name":"a","state":"suspended"}]}'],
  ["no state", '{"tenants": [ { "name": "a" } ]}', '{"tenants": [ { "name": "a", "state": "suspended" } ]}'],
  ["an empty entry", '{"tenants":[{}]}', '{"tenants":[{ "state": "suspended" }]}'],
  [
    "brackets and quotes in strings",
    '{"x":"\\"]}{[","tenants":[{"n":"}\\\\","state":"active"}]}',
    '{"x":"\\"]}{[","tenants":[{"n":"}\\\\","state":"suspended"}]}',
  ],
  [
    "a key twice, of which the last counts",
    '{"tenants":[],"tenants":[{"state":"x","state":"active"}]}',
    '{"tenants":[],"tenants":[{"state":"x","state":"suspended"}]}',
  ],
  ["a key in escapes", '{"tenants":[{"\\u0073tate":"active"}]}', '{"tenants":[{"\\u0073tate":"suspended"}]}'],
];
for (const [what, text, expected] of manners) {
  test(`text with ${what} is changed in its one place`, () => {
    assert.equal(setMember(text, ["tenants", 0], "state", "suspended"), expected);
  });
}

test("a file is replaced in one step with its mode, through a link, and leaves no draft behind", async () => {
  const target = join(folder, "real.json");
  const link = join(folder, "policy.json");
  await writeFile(target, "one", { mode: 0o640 });
  await symlink(target, link);
  const place = filePlace(link);
  const { etag } = await place.read();
  assert.equal(await place.write("two", etag), "written");
  assert.equal(await readFile(target, "utf8"), "two");
  assert.equal((await stat(target)).mode & 0o777, 0o640);
  assert.equal(await place.write("three", etag), "changed_since");
  assert.equal(await readFile(target, "utf8"), "two");
  assert.deepEqual((await readdir(folder)).sort(), ["policy.json", "real.json"]);
});

test("of two who make a file at once one is refused, and neither leaves a draft", async () => {
  const made = await mkdtemp(join(folder, "new-"));
  const place = filePlace(join(made, "policy.suspensions.json"));
  await assert.rejects(place.read(), { code: "ENOENT" });
  assert.equal(await place.write("one", undefined), "written");
  assert.equal(await place.write("two", undefined), "changed_since");
  assert.equal((await place.read()).text, "one");
  await rm(join(made, "policy.suspensions.json"));
  assert.equal(await place.write("three", "e"), "changed_since", "the file that was read is gone");
  assert.deepEqual(await readdir(made), []);
});
