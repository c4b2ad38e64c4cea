/** The problems of a policy's text: its encoding, and lines and columns, all at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compilePolicyText } from "../../../../src/adapters/policy/compile-text.ts";
import { positionsIn, scanJson } from "../../../../src/adapters/policy/json-scan.ts";
import { repeatedKeys } from "../../../../src/adapters/policy/text.ts";
import type { PolicyProblem } from "../../../../src/domain/policy/problem.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { homeTenantId, vaultScope } from "../../../support/fixtures/ids.ts";
import { grant, validPolicy } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";

const context = { cloud: clouds.public, homeTenantId, nowMs: startMs };
const compile = (text: string) => compilePolicyText(text, context);

function problemsOf(text: string): readonly PolicyProblem[] {
  const compiled = compile(text);
  return "problems" in compiled ? compiled.problems : [];
}

/** Of the valid policy, with entries changed; whatever its shape. */
// biome-ignore lint/suspicious/noExplicitAny: the change may break the shape.
function textOf(change: (policy: any) => void): string {
  const policy = validPolicy();
  change(policy);
  return JSON.stringify(policy, undefined, 2);
}

const read = (text: string, encoding: BufferEncoding, mark = "") => Buffer.from(mark + text, encoding).toString("utf8");
const bigEndian = (text: string) => Buffer.from(text, "utf16le").swap16().toString("utf8");

describe("a policy in", () => {
  const valid = textOf(() => {});
  test("UTF-8 with a byte order mark is read", () => {
    assert.ok("policy" in compile(read(valid, "utf8", "\ufeff")));
  });

  for (const [what, text] of [
    ["little endian, with its mark", read(valid, "utf16le", "\ufeff")],
    ["little endian, without mark", read(valid, "utf16le")],
    ["big endian, with its mark", bigEndian(`\ufeff${valid}`)],
    ["big endian, without mark", bigEndian(valid)],
  ] as const) {
    test(`UTF-16 (${what}) is refused by that name`, () => {
      const [problem, ...more] = problemsOf(text);
      assert.equal(problem?.path, "(file)");
      assert.match(problem?.rule ?? "", /is UTF-16: save it as UTF-8/);
      assert.equal(more.length, 0);
    });
  }

  test("Latin-1 is refused at its first letter, with and without a mark before it", () => {
    const bytes = Buffer.from(valid.replace('"name": "contoso"', '"name": "M\u00fcnchen"'), "latin1");
    for (const text of [bytes.toString("utf8"), `\ufeff${bytes.toString("utf8")}`]) {
      const [problem] = problemsOf(text);
      assert.match(problem?.rule ?? "", /must be UTF-8, and has a byte here that is not/);
      const line = valid.split("\n")[(problem?.line ?? 0) - 1] ?? "";
      assert.equal(line.slice((problem?.column ?? 0) - 2).slice(0, 2), "co", "the second letter of the name");
    }
  });
});

describe("bytes that are not UTF-8 are refused where the first one stands, and not called UTF-16,", () => {
  const bad = "\ufffd";
  const cases: [where: string, text: string, column: number][] = [
    ["at the beginning", `${bad}{}`, 1],
    ["two at the beginning", `${bad}${bad}{}`, 1],
    ["two in the middle, before a zero", `{ "a": "${bad}${bad}\0" }`, 9],
  ];
  for (const [where, text, column] of cases) {
    test(where, () => {
      const rule = "must be UTF-8, and has a byte here that is not: save it as UTF-8";
      assert.deepEqual(problemsOf(text), [{ line: 1, column, path: "(file)", rule }]);
    });
  }
});

describe("a text that is not JSON is refused with the place and what is expected there, for", () => {
  const cases: [what: string, text: string, line: number, column: number, rule: RegExp][] = [
    ["a comma that is missing", '{\n  "a": 1\n  "b": 2\n}', 3, 3, /^must be JSON: a comma or } is expected/],
    ["a comma too many", '{\n  "a": [1, 2,\n  ]\n}', 3, 3, /^must be JSON: there must be no comma before ]/],
    ["a comment", '{\n  // who\n  "a": 1\n}', 2, 3, /comments are not JSON/],
    ["single quotes", "{ 'a': 1 }", 1, 3, /a key in double quotes/],
    ["a word without quotes", '{ "a": active }', 1, 8, /a value is expected here; texts need double quotes/],
    ["a text that does not end", '{ "a": "x\n}', 1, 8, /does not end/],
    ["a colon that is missing", '{ "a" 1 }', 1, 7, /a colon/],
    [
      "an end that is missing, after lines of Windows",
      '{\r\n  "a": 1\r\n',
      3,
      1,
      /ends too early: a comma or } is expected/,
    ],
    ["something after the end", "{}\n{}", 2, 1, /nothing may follow/],
    ["nothing", "", 1, 1, /ends too early/],
    ["a number with a leading zero", '{ "a": 01 }', 1, 8, /a value is expected/],
  ];
  for (const [what, text, line, column, rule] of cases) {
    test(what, () => {
      const [problem, ...more] = problemsOf(text);
      assert.deepEqual([problem?.line, problem?.column, problem?.path, more], [line, column, "(file)", []]);
      assert.match(problem?.rule ?? "", rule);
    });
  }
});

test("a scan and JSON.parse agree on what is JSON, and the scan finds the position of every value", async (t) => {
  const broken = fc.tuple(
    fc.json({ maxDepth: 5 }),
    fc.nat(),
    fc.constantFrom("", ",", "}", '"', "\\", "0", "-", " ", "\u0007"),
  );
  const property = fc.property(broken, ([json, where, insert]) => {
    const text =
      json.slice(0, where % (json.length + 1)) + insert + json.slice((where % (json.length + 1)) + (where % 2));
    const scan = scanJson(text);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      assert.equal(scan.isJson, false, text);
      return;
    }
    assert.ok(scan.isJson, text);
    assert.equal(scan.offsets.get(""), text.length - text.trimStart().length);
    if (Array.isArray(value)) {
      for (const i of value.keys()) assert.ok(scan.offsets.has(`[${i}]`), text);
    }
  });
  await holds(t, property, 2_000);
});

test("of a text that is not JSON no keys are called repeated", () => {
  assert.deepEqual(repeatedKeys('{ "a": 1, "a": 2 '), []);
  const rule = "is there more than once, and only the last one counts: remove the others";
  assert.deepEqual(repeatedKeys('{ "a": 1, "a": 2 }'), [{ line: 1, column: 16, path: "a", rule }]);
});

test("a text may be nested 64 deep; deeper it is refused where that begins", () => {
  const lists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}{}${"}".repeat(depth)}`;
  for (const text of [lists(65), objects(64)]) assert.ok(scanJson(text).isJson, text);
  for (const [text, offset] of [
    [lists(66), 65],
    [objects(65), 65 * '{"a":'.length],
  ] as const) {
    assert.deepEqual(scanJson(text), { isJson: false, offset, rule: "is nested too deeply" });
  }
});

test("lines end as any editor ends them", () => {
  assert.deepEqual(positionsIn("a\r\nb\nc\rd")(7), { line: 4, column: 1 });
});

test("each of ten thousand problems has its own line", () => {
  const tenants = Array.from({ length: 10_000 }, (_, i) => ({ name: `t${i}`, tenantId: "x", state: "active" }));
  const problems = problemsOf(JSON.stringify({ ...validPolicy(), tenants, grants: [] }, undefined, 2));
  assert.equal(problems.length, 10_000);
  const lines = new Set(problems.map(({ line }) => line));
  assert.equal(lines.size, 10_000);
});

describe("problems have line and column", () => {
  const text = textOf((policy) => {
    policy.tenants[1].tenantId = "x";
    policy.tenants[2].extra = 1;
    delete policy.tenants[3].state;
    policy.grants[0].caller = "nobody";
    policy.grants[1].tenants = ["contoso", "nowhere"];
  });
  const at = ({ line = 0, column = 0 }: PolicyProblem) => text.split("\n")[line - 1]?.slice(column - 1);

  test("of shape and of references alike, at the value, at the unknown key, or where a key is missing", () => {
    const found = problemsOf(text).map((problem) => [problem.path, at(problem)]);
    assert.deepEqual(found, [
      ["tenants[1].tenantId", '"x",'],
      ["tenants[2]", "1"],
      ["tenants[3].state", "{"],
      ["grants[0].caller", '"nobody",'],
      ["grants[1].tenants[1]", '"nowhere"'],
    ]);
  });

  test("after a byte order mark too, which editors do not count", () => {
    assert.deepEqual(problemsOf(`\ufeff${text}`), problemsOf(text));
  });

  test("unless the text is nested too deeply to look for them", () => {
    const extra = JSON.parse("[".repeat(70) + "]".repeat(70)) as unknown;
    const problems = problemsOf(textOf((policy) => Object.assign(policy, { extra })));
    assert.deepEqual(problems, [{ path: "(file)", rule: 'must not have the unknown key "extra"' }]);
  });

  test("of what is withheld too", () => {
    const home = textOf((policy) => {
      policy.grants = [grant({ tenants: ["home"], scopes: [vaultScope] })];
    });
    const compiled = compile(home);
    assert.ok("policy" in compiled);
    const [{ line = 0 } = {}] = compiled.policy.withheld;
    assert.match(home.split("\n")[line - 1] ?? "", /vault\.azure\.net/);
  });
});

describe("all problems at once", () => {
  test("an entry with a wrong shape hides no other problem, and grants that name it are not reported", () => {
    const paths = problemsOf(
      textOf((policy) => {
        policy.clients[0].state = "paused";
        policy.callers[0].extra = 1;
        policy.callers[2].tenantId = "20000000-bbbb-4000-8000-000000000001";
        policy.tenants[0].State = "active";
        policy.tenants.push({ ...policy.tenants[1], name: "again" });
        policy.publisher = { keyId: "x", certificate: "x" };
        policy.metadata = [{ tenant: "contoso.com" }];
      }),
    ).map(({ path }) => path);
    assert.deepEqual(paths, [
      ...["clients[0].state", "tenants[0]", "callers[0]"],
      ...["tenants[4].tenantId", "callers[2].tenantId", "metadata[0].tenant", "publisher", "publisher"],
    ]);
  });

  test("an entry with a wrong shape does not hide a wrong certificate of the publisher", () => {
    const problems = problemsOf(
      textOf((policy) => {
        policy.callers[0].extra = 1;
        policy.publisher = { certificates: [{ keyId: "x", certificate: "x", state: "active" }] };
      }),
    );
    const paths = new Set(problems.map(({ path }) => path));
    assert.deepEqual([...paths], ["callers[0]", "publisher.certificates[0]"]);
  });

  test("a publisher with a wrong shape hides no other problem", () => {
    const problems = problemsOf(
      textOf((policy) => {
        policy.publisher = { certificates: [{ keyId: 1, certificate: "", state: "active" }] };
        policy.clients[0].certificates[0].certificate = "x";
      }),
    );
    const paths = problems.map(({ path }) => path);
    assert.ok(paths.includes("publisher.certificates[0].keyId"), paths.join());
    assert.ok(paths.includes("clients[0].certificates[0]"), paths.join());
  });

  test("a missing list is one problem, and entries that would refer to it cause no others", () => {
    const problems = problemsOf(
      textOf((policy) => {
        delete policy.callers;
        policy.grants[0].client = "nothing";
      }),
    );
    assert.deepEqual(
      problems.map(({ path }) => path),
      ["callers", "grants[0].client"],
    );
  });

  for (const text of ["null", "[]", "1", '"x"', '{"clients":null,"tenants":[null],"callers":[1],"grants":[[]]}']) {
    test(`${text} is refused without a crash`, () => assert.ok(problemsOf(text).length > 0));
  }

  test("no problem repeats a value", () => {
    const told = JSON.stringify(
      problemsOf(
        textOf((policy) => {
          policy.tenants[0].state = "CANARY";
          for (const each of policy.grants) Object.assign(each, { caller: "CANARY", scopes: ["CANARY"] });
        }),
      ),
    );
    assert.ok(told.length > 500);
    assert.doesNotMatch(told, /CANARY/);
  });
});
