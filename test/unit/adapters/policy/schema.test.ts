/** The shape of the policy file: strict, all problems at once, by path, never with the value. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { policySchema } from "../../../../src/adapters/policy/schema.ts";
import { parseDocument } from "../../../../src/adapters/policy/shape.ts";
import { createPolicySource } from "../../../../src/adapters/policy/source.ts";
import type { PolicyDocument } from "../../../../src/domain/policy/document.ts";
import type { PolicyProblem } from "../../../../src/domain/policy/problem.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { homeApiId, homeTenantId } from "../../../support/fixtures/ids.ts";
import { validPolicy } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";

type Path = readonly (string | number)[];

/** The valid policy as text, with one place changed; undefined takes it out. */
function withChange(path: Path, value: unknown): string {
  const document: unknown = validPolicy();
  let place = document as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) place = place[step] as Record<string | number, unknown>;
  place[path.at(-1) ?? ""] = value;
  return JSON.stringify(document);
}

const parsePolicyDocument = (text: string) => parseDocument(text, policySchema);

function problemsOf(text: string): PolicyProblem[] {
  const result = parsePolicyDocument(text);
  return Array.isArray(result) ? result : [];
}

function documentOf(text: string): PolicyDocument {
  const result = parsePolicyDocument(text);
  if (Array.isArray(result)) assert.fail(JSON.stringify(result));
  return result;
}

const cases: [name: string, change: Path, value: unknown, path: string, rule: RegExp][] = [
  ["an unknown key at the top", ["extra"], 1, "(file)", /unknown key "extra"/],
  ["an unknown key in a client", ["clients", 0, "secret"], 1, "clients[0]", /unknown key "secret"/],
  ["an unknown key in a certificate", ["clients", 0, "certificates", 0, "x"], 1, "clients[0].certificates[0]", /"x"/],
  ["a misspelt key in a tenant", ["tenants", 1, "State"], "active", "tenants[1]", /"State"/],
  ["an unknown key in a caller", ["callers", 2, "appid"], 1, "callers[2]", /"appid"/],
  ["an unknown key in a grant", ["grants", 0, "scope"], 1, "grants[0]", /"scope"/],
  [
    "two unknown keys, both named",
    ["callers", 2],
    { ...validPolicy().callers[2], id: 1, appid: 1 },
    "callers[2]",
    /unknown key "id", "appid"/,
  ],
  ["no clients", ["clients"], undefined, "clients", /array, and present/],
  ["no grants", ["grants"], undefined, "grants", /array, and present/],
  ["tenants that are an object", ["tenants"], {}, "tenants", /array/],
  ["a client without certificates", ["clients", 0, "certificates"], [], "clients[0].certificates", /empty/],
  [
    "a tenant without state: no default there",
    ["tenants", 0, "state"],
    undefined,
    "tenants[0].state",
    /one of active, suspended/,
  ],
  ...["today", "2026-06-01", "2026-06-01T12:00:00", 1780315200].map((value): (typeof cases)[number] => [
    `tokensNotBefore that is ${JSON.stringify(value)}`,
    ["tenants", 0, "tokensNotBefore"],
    value,
    "tenants[0].tokensNotBefore",
    typeof value === "string" ? /must be an RFC 3339 time/ : /must be of type string/,
  ]),
  ["an unknown state", ["callers", 0, "state"], "paused", "callers[0].state", /one of active, suspended/],
  [
    "a state of a certificate, which is not the policy's to say",
    ["clients", 0, "certificates", 0, "state"],
    "active",
    "clients[0].certificates[0]",
    /"state"/,
  ],
  ["a GUID that is none", ["tenants", 0, "tenantId"], "contoso.com", "tenants[0].tenantId", /GUID/],
  ["a GUID with a line break", ["tenants", 0, "tenantId"], `${homeTenantId}\n`, "tenants[0].tenantId", /GUID/],
  ["a GUID after something", ["tenants", 0, "tenantId"], `x${homeTenantId}`, "tenants[0].tenantId", /GUID/],
  ["a GUID that is a number", ["clients", 0, "clientId"], 1, "clients[0].clientId", /string/],
  ["an azp that is null", ["callers", 0, "azp"], null, "callers[0].azp", /string/],
  ["a name with a slash", ["callers", 0, "name"], "a/b", "callers[0].name", /letters/],
  ["a name with a line break", ["callers", 0, "name"], "a\n", "callers[0].name", /letters/],
  ["an empty name", ["callers", 0, "name"], "", "callers[0].name", /letters/],
  ["a name that begins with a space", ["callers", 0, "name"], " a", "callers[0].name", /letters/],
  ["a name that turns its direction", ["callers", 0, "name"], "a\u202eb", "callers[0].name", /letters/],
  ["a name with a letter that cannot be seen", ["callers", 0, "name"], "a\u3164", "callers[0].name", /letters/],
  ["a name with a joiner of no width", ["callers", 0, "name"], "a\u200db", "callers[0].name", /letters/],
  ["a name with a control character", ["callers", 0, "name"], "a\u0085", "callers[0].name", /letters/],
  ["a name that is not composed", ["callers", 0, "name"], "Mu\u0308nchen", "callers[0].name", /NFC/],
  ["a name that is too long", ["callers", 0, "name"], "x".repeat(65), "callers[0].name", /letters/],
  ["tenants of a grant that are empty", ["grants", 0, "tenants"], [], "grants[0].tenants", /empty|list of names/],
  ["tenants of a grant that are a word", ["grants", 0, "tenants"], "all", "grants[0].tenants", /all-active/],
  ["a grant that issues nothing", ["grants", 0, "issues"], [], "grants[0].issues", /empty/],
  [
    "a grant that issues something else",
    ["grants", 0, "issues"],
    ["secret"],
    "grants[0].issues[0]",
    /token, assertion/,
  ],
  ["scopes that are a word", ["grants", 0, "scopes"], "x/.default", "grants[0].scopes", /array/],
];

describe("the policy file is refused for", () => {
  for (const [name, change, value, path, rule] of cases) {
    test(name, () => {
      const problems = problemsOf(withChange(change, value));
      const problem = problems.find((each) => each.path === path);
      assert.ok(problem, `${path} is among ${JSON.stringify(problems)}`);
      assert.match(problem.rule, rule);
      assert.equal(problems.length, 1);
    });
  }

  for (const text of ["", "{", "clients: []", "{} {}"]) {
    test(`the text ${JSON.stringify(text)}, which is not JSON`, () => {
      const [{ path, rule } = { path: "", rule: "" }, ...more] = problemsOf(text);
      assert.deepEqual([path, more], ["(file)", []]);
      assert.match(rule, /^must be JSON: /);
    });
  }

  for (const text of ["null", "[]", "1", '"x"']) {
    test(`the JSON ${text}, which is not an object`, () => {
      assert.deepEqual(parsePolicyDocument(text), [
        { line: 1, column: 1, path: "(file)", rule: "must be of type object, and present" },
      ]);
    });
  }

  test("a key __proto__", () => {
    assert.ok(problemsOf(JSON.stringify(validPolicy()).replace("{", '{"__proto__":{"grants":[]},')).length > 0);
  });
});

test("all problems are reported at once", () => {
  const document = JSON.parse(withChange(["extra"], 1)) as PolicyDocument;
  for (const list of [document.clients, document.tenants, document.callers]) {
    for (const entry of list) Object.assign(entry, { state: "x", name: "", extra: 1 });
  }
  assert.equal(problemsOf(JSON.stringify(document)).length, 1 + 3 * (2 + 4 + 3));
});

test("a valid policy passes unchanged, and may name its schema", () => {
  assert.deepEqual(documentOf(JSON.stringify(validPolicy())), validPolicy());
  assert.ok(documentOf(withChange(["$schema"], "./policy.schema.json")));
});

test("a name may have letters of any language", () => {
  for (const name of ["München", "Århus-2", "東京.api", "Αθήνα", "हिन्दी", "São Paulo_1", "x".repeat(64)]) {
    assert.equal(documentOf(withChange(["callers", 0, "name"], name)).callers[0]?.name, name);
  }
});

test("metadata may be that of one application, and a time may have an offset", () => {
  const metadata = [{ tenant: homeTenantId, appId: homeApiId, onDiscontinuity: "hold" }];
  assert.deepEqual(documentOf(withChange(["metadata"], metadata)).metadata, metadata);
  const time = "2026-06-01T14:00:00+02:00";
  assert.equal(documentOf(withChange(["tenants", 0, "tokensNotBefore"], time)).tenants[0]?.tokensNotBefore, time);
});

test("the only defaults are active clients and callers, no scopes, tokens, and metadata accepted with an alarm", () => {
  const document = validPolicy();
  for (const entry of [...document.clients, ...document.callers]) Object.assign(entry, { state: undefined });
  for (const grant of document.grants) Object.assign(grant, { scopes: undefined, issues: undefined });
  const read = documentOf(JSON.stringify({ ...document, metadata: [{ tenant: "common" }] }));
  assert.ok([...read.clients, ...read.callers].every(({ state }) => state === "active"));
  assert.ok(read.grants.every(({ scopes, issues }) => scopes.length === 0 && issues.join() === "token"));
  assert.deepEqual(read.metadata, [{ tenant: "common", onDiscontinuity: "accept-and-alarm" }]);
});

test("no problem repeats a value", async (t) => {
  const canary = "CANARY";
  const text = fc.string({ maxLength: 10 }).map((noise) => canary + noise);
  const value = fc.oneof(text, fc.array(text), fc.dictionary(fc.string({ maxLength: 5 }), text));
  const places = cases
    .map(([, change]) => change)
    .filter((change) => !["extra", "secret"].includes(String(change.at(-1))));
  const property = fc.property(fc.constantFrom(...places), value, (change, wrong) => {
    const told = JSON.stringify(problemsOf(withChange(change, wrong)));
    assert.ok(!told.includes(canary), told);
  });
  await holds(t, property, 500);
});

describe("a policy source", () => {
  const context = { cloud: clouds.public, homeTenantId };
  const source = (text: string) =>
    createPolicySource(
      async () => ({ etag: "e", text }),
      context,
      () => 0,
    );

  test("compiles what it reads", async () => {
    const reading = await source(JSON.stringify(validPolicy())).read(undefined);
    assert.ok(reading.changed && "value" in reading && reading.etag === "e");
  });

  test("reports problems of shape and of meaning", async () => {
    for (const text of ["{", withChange(["grants", 0, "caller"], "nobody")]) {
      const reading = await source(text).read(undefined);
      assert.ok(reading.changed && "problems" in reading && reading.problems.length === 1);
    }
  });

  test("judges times by its clock", async () => {
    const tokensNotBefore = "1970-01-01T00:10:00Z";
    const text = withChange(["tenants", 0, "tokensNotBefore"], tokensNotBefore);
    const readAt = (nowMs: number) =>
      createPolicySource(
        async () => ({ etag: "e", text }),
        context,
        () => nowMs,
      ).read(undefined);
    const early = await readAt(0);
    assert.ok(early.changed && "problems" in early && early.problems[0]?.path === "tenants[0].tokensNotBefore");
    const late = await readAt(Date.parse(tokensNotBefore));
    assert.ok(late.changed && "value" in late);
  });

  test("says that nothing has changed, and passes the ETag on", async () => {
    const etags: (string | undefined)[] = [];
    const unchanged = createPolicySource(
      async (etag) => {
        etags.push(etag);
        return undefined;
      },
      context,
      () => 0,
    );
    assert.deepEqual(await unchanged.read("e"), { changed: false });
    assert.deepEqual(etags, ["e"]);
  });
});
