/** Changing a policy where it lies: in its text, and in a file. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { appendItem, removeItem, setMember } from "../../../src/cli/policy/json-text.ts";
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

const removals: [what: string, text: string, index: number, expected: string][] = [
  ["the only one", '{"a": [ 1 ]}', 0, '{"a": []}'],
  ["the first, of a line", '{"a": [1, 2]}', 0, '{"a": [2]}'],
  ["the last, of a line", '{"a": [1, 2]}', 1, '{"a": [1]}'],
  ["the first, of lines", '{"a": [\n  1,\n  2\n]}', 0, '{"a": [\n  2\n]}'],
  ["one in the middle, of lines", '{"a": [\n  1,\n  2,\n  3\n]}', 1, '{"a": [\n  1,\n  3\n]}'],
  ["the last, of lines", '{"a": [\n  1,\n  2\n]}', 1, '{"a": [\n  1\n]}'],
  ["one with brackets and commas in texts", '{"a": ["],[", {"b": "},{"}, 3]}', 1, '{"a": ["],[", 3]}'],
];
for (const [what, text, index, expected] of removals) {
  test(`of a list ${what} is removed with its comma`, () => {
    assert.equal(removeItem(text, ["a", index]), expected);
    assert.throws(() => removeItem(text, ["a", 9]), RangeError);
  });
}

const appends: [what: string, text: string, value: unknown, expected: string][] = [
  [
    "an empty list of a text with lines",
    '{\n  "a": []\n}',
    { b: 1 },
    '{\n  "a": [\n    {\n      "b": 1\n    }\n  ]\n}',
  ],
  ["an empty list of one line", '{"a":[]}', { b: 1 }, '{"a":[{"b":1}]}'],
  [
    "an empty list with Windows' line ends",
    '{\r\n\t"a": [ ]\r\n}',
    { b: 1 },
    '{\r\n\t"a": [\r\n\t\t{\r\n\t\t\t"b": 1\r\n\t\t}\r\n\t]\r\n}',
  ],
  ["a list of one in a line", '{\n  "a": ["x"]\n}', "y", '{\n  "a": ["x", "y"]\n}'],
  ["a compact list", '{"a":["x","y"]}', "z", '{"a":["x","y","z"]}'],
];
for (const [what, text, value, expected] of appends) {
  test(`to ${what} an element is added in its manner`, () => assert.equal(appendItem(text, ["a"], value), expected));
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

test("a draft that an earlier command left behind stops no later one: in a container every process may have one id", async () => {
  const own = await mkdtemp(join(folder, "left-"));
  const file = join(own, "policy.suspensions.json");
  await writeFile(`${file}.${process.pid}.new`, "");
  assert.equal(await filePlace(file).write("one", undefined), "written");
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
