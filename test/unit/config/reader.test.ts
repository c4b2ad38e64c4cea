/** One setting: what it may look like, what is said of it where it does not, and what stands in for it then. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createReader } from "../../../src/config/reader.ts";
import { clouds } from "../../../src/domain/shared/cloud.ts";
import { homeTenantId } from "../../support/fixtures/ids.ts";

type Reader = ReturnType<typeof createReader<string>>;

/** What is read of a value, and the problems that it has. */
function read<T>(value: string | undefined, how: (reader: Reader) => T): { value: T; problems: string[] } {
  const problems: string[] = [];
  return { value: how(createReader<string>({ X: value }, problems)), problems };
}

describe("a text", () => {
  const text = (value?: string) => read(value, (reader) => reader.text("X", "preset"));

  test("is read without the white space around it", () => {
    assert.deepEqual(text(" a b "), { value: "a b", problems: [] });
  });
  for (const value of [undefined, "", " "]) {
    test(`has its default where it is ${JSON.stringify(value)}`, () => {
      assert.deepEqual(text(value), { value: "preset", problems: [] });
    });
  }
});

test("a text without a default is empty where there is none", () => {
  assert.deepEqual(
    read(undefined, (reader) => reader.text("X")),
    { value: "", problems: [] },
  );
});

describe("a GUID", () => {
  const guid = (value?: string) => read(value, (reader) => reader.guid("X", "the tenant"));

  test("is read in any case, without the white space around it", () => {
    assert.deepEqual(guid(` ${homeTenantId.toUpperCase()} `), { value: homeTenantId, problems: [] });
  });
  for (const value of [undefined, "", `${homeTenantId}0`]) {
    test(`must not be ${JSON.stringify(value)}`, () => {
      assert.deepEqual(guid(value), { value: "", problems: ["X must be a GUID: set it to the tenant"] });
    });
  }
});

describe("a flag", () => {
  const cases: [value: string | undefined, preset: boolean, expected: boolean][] = [
    ["true", false, true],
    [" false ", true, false],
    [undefined, true, true],
    ["", false, false],
  ];
  for (const [value, preset, expected] of cases) {
    test(`that is ${JSON.stringify(value)} is ${expected} where the default is ${preset}`, () => {
      assert.deepEqual(
        read(value, (reader) => reader.flag("X", preset)),
        { value: expected, problems: [] },
      );
    });
  }
  for (const value of ["TRUE", "1", "yes", "true false"]) {
    test(`must not be ${value}`, () => {
      const problems = ["X must be true or false: correct it, or remove it for true"];
      assert.deepEqual(read(value, (reader) => reader.flag("X", true)).problems, problems);
    });
  }
});

describe("a count", () => {
  const count = (value?: string) => read(value, (reader) => reader.count("X", 7, 2, 1_000_000_000_000));

  test("is a whole number from its least to its most", () => {
    for (const value of ["2", " 10 ", "007", "999999999999"]) {
      assert.deepEqual(count(value), { value: Number(value), problems: [] });
    }
  });
  test("has its default where there is none", () => {
    for (const value of [undefined, "", " "]) assert.deepEqual(count(value), { value: 7, problems: [] });
  });
  for (const value of ["1", "1000000000000", "-3", "+3", "3.5", "3e3", "0x10", "3 4", "three"]) {
    test(`must not be ${value}, which its default stands in for`, () => {
      const problem = "X must be a whole number from 2 to 1000000000000: correct it, or remove it for 7";
      assert.deepEqual(count(value), { value: 7, problems: [problem] });
    });
  }
});

describe("an origin", () => {
  const origin = (value?: string) => read(undefined, (reader) => reader.origin("X", value, "set it"));

  test("is https, with or without a slash at its end", () => {
    for (const value of ["https://a.example", "https://A.example/", "https://a.example:443"]) {
      assert.deepEqual(origin(value), { value: "https://a.example", problems: [] });
    }
    assert.equal(origin("https://a.example:8443").value, "https://a.example:8443");
  });
  for (const value of [
    ...[undefined, "", "a.example", "http://a.example", "ftp://a.example", "https://a.example/x"],
    ...["https://a.example/?x", "https://a.example/#x", "https://u@a.example"],
  ]) {
    test(`must not be ${value}`, () => {
      assert.deepEqual(origin(value), { value: "", problems: ["X must be an https origin without a path: set it"] });
    });
  }
});

describe("a storage URL", () => {
  const host = `account.table${clouds.china.storageHostSuffix}`;
  const url = (value?: string) =>
    read(value, (reader) => reader.storageUrl("X", clouds.china, "table", /^\/[a-z]{3}$/));

  test("is of this cloud and of its service, and has nothing but a path", () => {
    assert.deepEqual(url(` https://${host}/abc `), { value: `https://${host}/abc`, problems: [] });
  });
  for (const value of [
    ...[undefined, "", "abc", `http://${host}/abc`, `https://${host}/abcd`, `https://${host}/x/abc`],
    ...[`https://${host}:443/abc`, `https://${host}/abc?x`, `https://${host}/abc#x`, `https://u@${host}/abc`],
    ...[`https://${host}.evil.example/abc`, "https://account.table.core.windows.net/abc", `https://${host}/x/../abc`],
    `https://account.blob${clouds.china.storageHostSuffix}/abc`,
  ]) {
    test(`must not be ${value}`, () => {
      const problem = "X must be a storage URL of this cloud: set it to https://<account>.table";
      assert.deepEqual(url(value), {
        ...{ value: "", problems: [`${problem}${clouds.china.storageHostSuffix}/<table>`] },
      });
    });
  }

  for (const [name, service, example] of [
    ["X_TABLE_URL", "table", ".table.core.windows.net/<table>"],
    ["X_CONTAINER_URL", "blob", ".blob.core.windows.net/<container>"],
    ["X_BLOB_URL", "blob", ".blob.core.windows.net/<container>/<blob>"],
  ] as const) {
    test(`is explained by an example: ${name}`, () => {
      const problems: string[] = [];
      createReader<string>({}, problems).storageUrl(name, clouds.public, service, /x/);
      assert.deepEqual(problems, [
        `${name} must be a storage URL of this cloud: set it to https://<account>${example}`,
      ]);
    });
  }
});
