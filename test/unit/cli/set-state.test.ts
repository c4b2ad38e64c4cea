import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setMember } from "../../../src/cli/policy/json-text.ts";
import { filePlace } from "../../../src/cli/policy/policy-place.ts";
import type { PolicyDocument } from "../../../src/domain/policy/document.ts";
import { refuse } from "../../../src/domain/shared/result.ts";
import { startMs } from "../../support/fakes/clock.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { tokenIntent } from "../../support/fixtures/ledger.ts";
import { named, validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld, entry } from "./cli-world.ts";

const folder = await mkdtemp(join(tmpdir(), "keyhold-cli-"));
after(() => rm(folder, { recursive: true, force: true }));

const stateOf = (text: string, list: "tenants" | "callers" | "clients", name: string) =>
  named<never>((JSON.parse(text) as PolicyDocument)[list] as never[], name) as { state: string };

test("a tenant is suspended by one word, and every other character stays as its author wrote it", async () => {
  const world = createCliWorld();
  const before = world.place.text;
  const { exit, out } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 0);
  const [first = "", rest = ""] = before.split(ids.contosoId);
  assert.equal(world.place.text, `${first}${ids.contosoId}${rest.replace('"active"', '"suspended"')}`);
  assert.match(out, /contoso \(tenant 20000000-bbbb-4000-8000-000000000001\) is suspended in policy\.json/);
  assert.match(out, /within 60 s/);
});

for (const [kind, list, name, id] of [
  ["tenant", "tenants", "contoso", ids.contosoId],
  ["caller", "callers", "billing", ids.billingObjectId],
  ["client", "clients", "broker", ids.clientId],
] as const) {
  test(`a ${kind} is suspended by its id in upper case, and resumed by its name`, async () => {
    const world = createCliWorld();
    const before = world.place.text;
    assert.equal((await world.run(kind, "suspend", id.toUpperCase())).exit, 0);
    assert.equal(stateOf(world.place.text, list, name).state, "suspended");
    assert.equal((await world.run(kind, "resume", name)).exit, 0);
    assert.equal(world.place.text, before);
  });
}

test("a state that was not written out is added in the manner of the lines around it", async () => {
  const document = validPolicy();
  const broker = named(document.clients, "broker") as Partial<PolicyDocument["clients"][number]>;
  delete broker.state;
  const text = JSON.stringify(document, undefined, "\t").replaceAll("\n", "\r\n");
  const world = createCliWorld(text);
  assert.equal((await world.run("client", "suspend", "broker")).exit, 0);
  assert.equal(world.place.text, text.replace(/(\r\n\t\t\t\]),?(\r\n\t\t\})/, '$1,\r\n\t\t\t"state": "suspended"$2'));
});

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

test("what is in that state already is refused, and not written", async () => {
  const world = createCliWorld();
  for (const args of [
    ["tenant", "suspend", "northwind"],
    ["tenant", "resume", "contoso"],
  ]) {
    const { exit, err } = await world.run(...args);
    assert.equal(exit, 1);
    assert.match(err, /already: nothing was changed/);
  }
  assert.equal(world.place.writes, 0);
});

test("a policy that somebody changed in between is left as they made it", async () => {
  const world = createCliWorld();
  const theirs = JSON.stringify(validPolicy());
  world.place.meanwhile = () => {
    world.place.text = theirs;
  };
  const { exit, err } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 1);
  assert.match(err, /Somebody else changed the policy in between: nothing was changed/);
  assert.equal(world.place.text, theirs);
});

test("a policy that is not valid is not made less so: its problems are told, and nothing is written", async () => {
  const document = validPolicy();
  document.grants[0] = { ...document.grants[0], caller: "nobody" } as PolicyDocument["grants"][number];
  const world = createCliWorld(JSON.stringify(document));
  const { exit, err } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 1);
  assert.match(err, /grants\[0\]\.caller/);
  assert.equal(world.place.writes, 0);
});

test("a policy that cannot be written is exit code 3, and the SDK's text with its URL stays behind", async () => {
  const world = createCliWorld();
  world.place.writeFailure = Object.assign(new Error("https://account/secret?sig=abc"), { statusCode: 403 });
  const { exit, err } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 3);
  assert.match(err, /cannot be written \(Error 403\)/);
  assert.doesNotMatch(err, /sig=/);
});

const hash = { vaultRequestId: "v", tokenSha256: "a".repeat(64) };
const minuteMs = 60_000;

test("the tail is told: how many tokens are out, and when the last of them expires", async () => {
  const world = createCliWorld();
  const row = (minutesAgo: number, expiresInMinutes: number, differing = {}) =>
    entry(tokenIntent(startMs - minutesAgo * minuteMs, differing), {
      ...{ outcome: "issued", ...hash },
      tokenExpiresAt: startMs / 1000 + expiresInMinutes * 60,
    });
  world.ledger.rows = [
    row(120, -10),
    row(30, 45),
    row(20, 70),
    row(10, 500, { tenantId: ids.fabrikamId }),
    entry(tokenIntent(startMs - minuteMs)),
    refuse({ reason: "row_unreadable" as const, partition: "p", rowKey: "r", properties: ["time"] }),
  ];
  const { out } = await world.run("tenant", "suspend", "contoso");
  assert.match(out, /Already out: 2 tokens .* The last expires at 2026-06-01T13:10:00Z, in 70 min\./);
  assert.match(out, /1 mint without known outcome/);
  assert.match(out, /1 row of the ledger could not be read/);
  const [query] = world.ledger.queries;
  assert.ok(query && query.fromMs <= startMs - 24 * 60 * minuteMs, "tokens of a whole day are looked for");
});

test("with nothing out it says so, for machines too", async () => {
  const { out } = await createCliWorld().run("caller", "suspend", "billing", "--json");
  const { tail, state } = JSON.parse(out) as { tail: object; state: string };
  assert.deepEqual([state, tail], ["suspended", { alive: 0, open: 0, unreadable: 0 }]);
});

test("a ledger that is down does not keep a suspension, and is told", async () => {
  const world = createCliWorld();
  world.ledger.isDown = true;
  const { exit, out } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 0);
  assert.equal(world.place.writes, 1);
  assert.match(out, /could not be read from the ledger/);
});

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
