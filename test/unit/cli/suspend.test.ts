/** The kill switch of operators: it works whatever state the policy is in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSuspensions } from "../../../src/adapters/policy/suspensions-schema.ts";
import type { Suspension, SuspensionsDocument } from "../../../src/domain/policy/suspensions.ts";
import { refuse } from "../../../src/domain/shared/result.ts";
import { startMs } from "../../support/fakes/clock.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { tokenIntent } from "../../support/fixtures/ledger.ts";
import { validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld, entry } from "./cli-world.ts";

type World = ReturnType<typeof createCliWorld>;
const suspensionsOf = ({ suspensions }: World) => JSON.parse(suspensions.text ?? "") as SuspensionsDocument;
const at = new Date(startMs).toISOString();
const subjects = [
  ["tenant", "contoso", ids.contosoId],
  ["caller", "billing", ids.billingObjectId],
  ["client", "broker", ids.clientId],
] as const;

for (const [kind, name, id] of subjects) {
  test(`a ${kind} is suspended by its id in upper case with who, when and why, and resumed by its name`, async () => {
    const world = createCliWorld();
    const before = world.place.text;
    const { exit, out } = await world.run(kind, "suspend", id.toUpperCase(), "--reason", "incident 4711");
    assert.equal(exit, 0);
    assert.match(out, new RegExp(`^${name} \\(${kind} ${id}\\) is suspended in policy\\.suspensions\\.json\\.\\n`));
    assert.match(out, /within 60 s/);
    assert.deepEqual(suspensionsOf(world), {
      version: 1,
      suspensions: [{ kind, id, by: "anna@example.com", at, reason: "incident 4711" }],
    });
    const resumed = await world.run(kind, "resume", name);
    assert.equal(resumed.exit, 0);
    assert.match(resumed.out, /is no longer suspended in policy\.suspensions\.json/);
    assert.deepEqual(suspensionsOf(world).suspensions, []);
    assert.equal(world.place.text, before, "the policy is left alone");
  });
}

const broken: [what: string, text: string][] = [
  ["that refers to a caller that is not there", withGrantFor("nobody")],
  ["with an unknown key", JSON.stringify({ ...validPolicy(), extra: 1 })],
  ["of which only tenants are left", JSON.stringify({ tenants: validPolicy().tenants })],
];
function withGrantFor(caller: string): string {
  const policy = validPolicy();
  return JSON.stringify({ ...policy, grants: policy.grants.map((grant) => ({ ...grant, caller })) });
}
for (const [what, text] of broken) {
  test(`under a policy ${what} names still work`, async () => {
    const world = createCliWorld(text);
    assert.equal((await world.run("tenant", "suspend", "contoso")).exit, 0);
    assert.equal(suspensionsOf(world).suspensions[0]?.id, ids.contosoId);
  });
}

for (const [what, breakPolicy] of [
  [
    "is not JSON",
    (world: World) => {
      world.place.text = `${world.place.text},`;
    },
  ],
  [
    "cannot be read",
    (world: World) => {
      world.place.readFailure = Object.assign(new Error("secret"), { code: "EACCES" });
    },
  ],
] as const) {
  test(`while the policy ${what} ids work, and a name is answered with what to give instead`, async () => {
    const world = createCliWorld();
    breakPolicy(world);
    const byName = await world.run("tenant", "suspend", "contoso");
    assert.equal(byName.exit, 1);
    assert.match(
      byName.err,
      /The name "contoso" cannot be looked up: the policy .*\n.*\nremedy: give the id of the tenant/,
    );
    assert.equal(world.suspensions.text, undefined);
    for (const [kind, , id] of subjects) assert.equal((await world.run(kind, "suspend", id)).exit, 0);
    assert.equal(suspensionsOf(world).suspensions.length, 3);
    const resumed = await world.run("tenant", "resume", ids.contosoId);
    assert.equal(resumed.exit, 0);
    assert.match(resumed.out, /Whether the policy itself suspends it too is not known: the policy/);
    assert.equal(suspensionsOf(world).suspensions.length, 2);
  });
}

for (const [what, reason] of [
  ["is longer than the document may have", "x".repeat(2_000)],
  ["came from a terminal that is not UTF-8", "St\ufffdrung"],
  ["has control characters", "a\u0000\u001b[2J\nb"],
] as const) {
  test(`a reason that ${what} does not make the suspensions malformed`, async () => {
    const world = createCliWorld();
    assert.equal((await world.run("tenant", "suspend", "contoso", "--reason", reason)).exit, 0);
    assert.ok(!Array.isArray(parseSuspensions(world.suspensions.text ?? "")), world.suspensions.text);
    assert.equal((await world.run("caller", "suspend", "billing")).exit, 0);
  });
}

test("a name is found however a terminal composes its letters", async () => {
  const world = createCliWorld(JSON.stringify(validPolicy()).replaceAll('"contoso"', '"München"'));
  assert.equal((await world.run("tenant", "suspend", "Mu\u0308nchen")).exit, 0);
  assert.equal(suspensionsOf(world).suspensions[0]?.id, ids.contosoId);
  assert.equal((await world.run("tenant", "refresh", "Mu\u0308nchen")).exit, 0);
});

test("suspending twice is success, and the first entry stays", async () => {
  const world = createCliWorld();
  await world.run("tenant", "suspend", "contoso", "--reason", "first");
  const first = world.suspensions.text;
  world.nowMs += 60_000;
  const { exit, out } = await world.run("tenant", "suspend", ids.contosoId, "--reason", "second");
  assert.equal(exit, 0);
  assert.match(out, /already, by anna@example\.com at 2026-06-01T12:00:00/);
  assert.equal(world.suspensions.text, first);
});

test("resuming what is not suspended is success, and says so", async () => {
  const { exit, out } = await createCliWorld().run("tenant", "resume", "contoso");
  assert.equal(exit, 0);
  assert.match(out, /was not suspended in policy\.suspensions\.json/);
});

test("resume says that the policy itself still suspends, with exit code 1", async () => {
  const world = createCliWorld();
  await world.run("tenant", "suspend", "northwind");
  const { exit, out } = await world.run("tenant", "resume", "northwind");
  assert.equal(exit, 1);
  assert.match(out, /is no longer suspended[\s\S]*The policy itself still suspends it: set its state to "active"/);
  const { out: json } = await world.run("tenant", "resume", "northwind", "--json");
  assert.equal((JSON.parse(json) as { stateInPolicy: string }).stateInPolicy, "suspended");
});

test("an id that the policy does not have is suspended all the same, with a word of warning", async () => {
  const world = createCliWorld();
  const { exit, out } = await world.run("tenant", "suspend", ids.unknownTenantId);
  assert.equal(exit, 0);
  assert.match(out, /The policy has no tenant with this id/);
  assert.equal(suspensionsOf(world).suspensions[0]?.id, ids.unknownTenantId);
});

test("a name that is not there, or stands for several ids, suspends nothing", async () => {
  const policy = validPolicy();
  policy.tenants.push({ name: "contoso", tenantId: ids.unknownTenantId, state: "active" });
  const world = createCliWorld(JSON.stringify(policy));
  const unknown = await world.run("tenant", "suspend", "contosa");
  assert.equal(unknown.exit, 1);
  assert.match(
    unknown.err,
    /No tenant has the name "contosa"[\s\S]*known tenants: contoso\ntry: keyhold tenant suspend --help$/,
  );
  const several = await world.run("tenant", "suspend", "contoso");
  assert.equal(several.exit, 1);
  assert.match(several.err, new RegExp(`Several tenants[\\s\\S]*${ids.contosoId}, ${ids.unknownTenantId}`));
  assert.equal(world.suspensions.text, undefined);
});

test("a suspension that somebody else writes in the same moment stays, and so does ours", async () => {
  const world = createCliWorld();
  const theirs: Suspension = { kind: "caller", id: ids.billingObjectId, by: "ben", at };
  world.suspensions.meanwhile = () => {
    world.suspensions.text = JSON.stringify({ version: 1, suspensions: [theirs] });
    world.suspensions.meanwhile = () => {};
  };
  assert.equal((await world.run("tenant", "suspend", "contoso")).exit, 0);
  assert.deepEqual(
    suspensionsOf(world).suspensions.map(({ kind }) => kind),
    ["caller", "tenant"],
  );
});

test("malformed suspensions are not overwritten unless asked, and then every entry that can be read is kept", async () => {
  const world = createCliWorld();
  const good = { kind: "caller", id: ids.billingObjectId, by: "ben", at };
  const malformed = JSON.stringify({ version: 1, suspensions: [good, { kind: "tenant", id: "contoso" }] });
  world.suspensions.text = malformed;
  const refused = await world.run("tenant", "suspend", "contoso");
  assert.equal(refused.exit, 1);
  assert.match(
    refused.err,
    /The suspensions are not valid[\s\S]*suspensions\[1\]\.id: must be a GUID[\s\S]*--replace-malformed/,
  );
  assert.equal(world.suspensions.text, malformed);
  assert.equal((await world.run("tenant", "suspend", "contoso", "--replace-malformed")).exit, 0);
  assert.deepEqual(
    suspensionsOf(world).suspensions.map(({ id }) => id),
    [ids.billingObjectId, ids.contosoId],
  );
});

test("suspensions that cannot be written are exit code 3, and the SDK's text with its URL stays behind", async () => {
  const world = createCliWorld();
  world.suspensions.writeFailure = Object.assign(new Error("https://account/secret?sig=abc"), { statusCode: 403 });
  const { exit, err } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 3);
  assert.match(err, /cannot be written \(Error 403\)/);
  assert.doesNotMatch(err, /sig=/);
});

test("they are listed with who, when and why, and nothing in them steers the terminal", async () => {
  const world = createCliWorld();
  assert.match((await world.run("suspensions")).out, /Nothing is suspended/);
  await world.run("tenant", "suspend", "contoso", "--reason", "\u001b[2Jincident");
  const { out } = await world.run("suspensions");
  assert.match(
    out,
    new RegExp(`tenant +${ids.contosoId} +${at.replaceAll(".", "\\.")} +anna@example\\.com +\\?\\[2Jincident`),
  );
});

test("explain names the suspension and the command that withdraws it, and then the state in the policy", async () => {
  const world = createCliWorld();
  await world.run("tenant", "suspend", "northwind");
  const { exit, out } = await world.run(
    ...["explain", "--caller", "billing", "--client", "broker", "--tenant", "northwind", "--scope", ids.graphScope],
  );
  assert.equal(exit, 1);
  assert.match(out, /suspended beside the policy\. .*\n +keyhold tenant resume northwind\n/);
  assert.match(
    out,
    /suspended by the policy\. Set in its entry:\n +"state": "active"\nWith this change it would be allowed/,
  );
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
  assert.match(out, /Already issued: 2 tokens, .* The last expires at 2026-06-01T13:10:00Z, in 70 min\./);
  assert.match(out, /1 mint with an unknown outcome/);
  assert.match(out, /1 row of the ledger could not be read/);
  const [query] = world.ledger.queries;
  assert.ok(query && query.fromMs <= startMs - 24 * 60 * minuteMs, "tokens of a whole day are looked for");
});

test("with nothing out it says so, for machines too", async () => {
  const { out } = await createCliWorld().run("caller", "suspend", "billing", "--json");
  const { tail, state } = JSON.parse(out) as { tail: object; state: string };
  assert.deepEqual([state, tail], ["suspended", { alive: 0, open: 0, unreadable: 0 }]);
});

test("a ledger that is down does not keep a suspension, and its error is reported", async () => {
  const world = createCliWorld();
  world.ledger.isDown = true;
  const { exit, out } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 0);
  assert.equal(world.suspensions.writes, 1);
  assert.match(out, /could not be read from the ledger/);
});
