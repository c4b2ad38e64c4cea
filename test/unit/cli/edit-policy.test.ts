/** Entries and grants are added and removed in the policy's own text, and who gains and loses what is said. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import type { PolicyDocument } from "../../../src/domain/policy/document.ts";
import { rightsOf } from "../../../src/domain/policy/rights.ts";
import { registered } from "../../support/fixtures/certificates.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { compiled, grant, keyId, validPolicy } from "../../support/fixtures/policy.ts";
import { holds } from "../../support/fixtures/property.ts";
import { createCliWorld } from "./cli-world.ts";

const folder = await mkdtemp(join(tmpdir(), "keyhold-cli-"));
after(() => rm(folder, { recursive: true, force: true }));

const litware = "20000000-bbbb-4000-8000-0000000000aa";
const documentOf = ({ place }: ReturnType<typeof createCliWorld>) => JSON.parse(place.text) as PolicyDocument;
const withGrants = (...grants: PolicyDocument["grants"]) =>
  createCliWorld(`${JSON.stringify({ ...validPolicy(), grants }, undefined, 2)}\n`);
const scope = ids.graphScope as string;
const asBilling = ["--caller", "billing", "--client", "broker"];

describe("tenant add", () => {
  test("adds the entry in the manner of the file, prints the consent link, and who gains what by all-active", async () => {
    const world = createCliWorld();
    const before = world.place.text;
    const { exit, out } = await world.run(
      "tenant",
      "add",
      litware.toUpperCase(),
      "--name",
      "litware",
      "--client",
      "broker",
    );
    assert.equal(exit, 0);
    const added = `,\n    {\n      "name": "litware",\n      "tenantId": "${litware}",\n      "state": "active"\n    }`;
    assert.equal(world.place.text.replace(added, ""), before);
    assert.match(
      out,
      /^litware \(tenant 20000000-bbbb-4000-8000-0000000000aa\) is added in policy\.json\. .* 60 s\.\n\+ tenant litware\n/,
    );
    assert.match(
      out,
      /\+ exporter as broker: https:\/\/graph\.microsoft\.com\/\.default in litware\n\+ exporter as broker: assertion in litware\n2 rights gained, 0 lost\./,
    );
    assert.match(
      out,
      new RegExp(`https://login\\.microsoftonline\\.com/${litware}/adminconsent\\?client_id=${ids.clientId}`),
    );
  });

  test("twice is success and writes once, so that it can be repeated after the consent", async () => {
    const world = createCliWorld();
    for (const expected of [/is added/, /already: nothing was changed/]) {
      const { exit, out } = await world.run("tenant", "add", litware, "--name", "litware");
      assert.equal(exit, 0);
      assert.match(out, expected);
    }
    assert.equal(world.place.writes, 1);
  });

  test("of a name or an id that another tenant has is refused", async () => {
    const world = createCliWorld();
    for (const args of [
      [ids.contosoId, "--name", "litware"],
      [litware, "--name", "contoso"],
    ]) {
      const { exit, err } = await world.run("tenant", "add", ...args);
      assert.equal(exit, 1);
      assert.match(err, /There is another tenant with this (id|name)[\s\S]*contoso has the id/);
    }
    assert.equal(world.place.writes, 0);
  });

  test("with a dry run says the same and writes nothing", async () => {
    const world = createCliWorld();
    const { exit, out } = await world.run("tenant", "add", litware, "--name", "litware", "--dry-run");
    assert.equal(exit, 0);
    assert.match(out, /^Dry run: nothing was written[\s\S]*2 rights gained/);
    assert.equal(world.place.writes, 0);
  });

  const checked = ["--caller", "exporter", "--client", "broker", "--scope", scope];

  test("checks whether a caller would get a token, with exit code 1 and the remedy where not", async () => {
    const good = await createCliWorld().run("tenant", "add", litware, "--name", "litware", ...checked);
    assert.equal(good.exit, 0);
    assert.match(good.out, /Allowed: the caller gets a token for/);
    const bad = await createCliWorld().run(
      "tenant",
      "add",
      litware,
      "--name",
      "litware",
      ...asBilling,
      "--scope",
      scope,
    );
    assert.equal(bad.exit, 1);
    assert.match(bad.out, /no_grant/);
  });

  test("of an unknown client or caller adds nothing, and names those that there are", async () => {
    const world = createCliWorld();
    const add = ["tenant", "add", litware, "--name", "litware"];
    const client = await world.run(...add, "--client", "brocker");
    assert.deepEqual([client.exit, /known clients: broker/.test(client.err)], [1, true]);
    const check = ["--caller", "exp", "--client", "broker", "--scope", scope];
    const caller = await world.run(...add, ...check);
    assert.deepEqual([caller.exit, /known callers: exporter/.test(caller.err)], [1, true]);
    assert.equal(world.place.writes, 0);
  });

  test("asks for a first token as the caller, again until instances have read the policy, and shows no token", async () => {
    const world = createCliWorld();
    world.rounds = 100;
    world.onPause = () => {
      world.nowMs += 5_000;
    };
    const denied = { issued: false as const, status: 403, error: "access_denied", description: "Keyhold: no" };
    world.tokenAnswers = [denied, denied, { issued: true, expiresInSeconds: 3_600 }];
    const identity = ["--first-token", "--caller-identity", ids.billingAzp];
    const { exit, out } = await world.run("tenant", "add", litware, "--name", "litware", ...checked, ...identity);
    assert.equal(exit, 0);
    assert.match(out, /First token: issued, valid for 60 min\. It was not stored\.$/);
    assert.deepEqual(world.pauses, [5_000, 5_000]);
    assert.match(world.shown[2] ?? "", /^asking for a first token, .*: 10 s of 75 s at most$/);
    assert.deepEqual(world.tokenQuestions[2], {
      ...{ tenantId: litware, clientId: ids.clientId, scope: ids.graphScope, callerIdentity: ids.billingAzp },
    });
  });

  test("gives up on the first token after 75 s, and at once where the tenant has not consented", async () => {
    const world = createCliWorld();
    world.rounds = 100;
    world.onPause = () => {
      world.nowMs += 5_000;
    };
    const args = ["tenant", "add", litware, "--name", "litware", ...checked];
    const identity = ["--first-token", "--caller-identity", ids.billingAzp];
    world.tokenAnswers = [{ issued: false, status: 403, error: "access_denied", description: "Keyhold: no" }];
    assert.equal((await world.run(...args, ...identity)).exit, 1);
    assert.equal(world.pauses.length, 15);
    world.tokenAnswers = [{ issued: false, status: 424, error: "consent_required", description: "Keyhold: \u001b[2J" }];
    const { exit, out } = await world.run(...args, ...identity);
    assert.equal(exit, 1);
    assert.match(out, /First token: none, 424 consent_required: Keyhold: \?\[2J$/);
    assert.equal(world.pauses.length, 15);
  });

  test("takes the caller's azp for its identity, and says so where it has none", async () => {
    const policy = validPolicy();
    policy.grants.push(grant({ tenants: "all-active" }));
    const world = createCliWorld(JSON.stringify(policy));
    const args = [
      "tenant",
      "add",
      litware,
      "--name",
      "litware",
      "--client",
      "broker",
      "--scope",
      scope,
      "--first-token",
    ];
    assert.equal((await world.run(...args, "--caller", "billing")).exit, 0);
    assert.equal(world.tokenQuestions[0]?.callerIdentity, ids.billingAzp);
    const { exit, err } = await world.run(...args, "--caller", "exporter");
    assert.equal(exit, 2);
    assert.match(err, /--caller-identity/);
  });

  test("with half of a question is a usage error, before anything is written", async () => {
    const world = createCliWorld();
    for (const half of [
      ["--caller", "exporter"],
      ["--scope", scope],
      ["--first-token"],
      [...checked, "--first-token", "--dry-run"],
    ]) {
      assert.equal((await world.run("tenant", "add", litware, "--name", "litware", ...half)).exit, 2, half.join(" "));
    }
    assert.equal(world.place.writes, 0);
  });
});

describe("what is removed", () => {
  test("takes its name out of grants, and the grants that are nothing without it", async () => {
    const world = withGrants(
      grant({ tenants: ["contoso", "fabrikam"] }),
      grant({ tenants: ["contoso"], scopes: [ids.vaultScope] }),
    );
    const { exit, out } = await world.run("tenant", "remove", ids.contosoId);
    assert.equal(exit, 0);
    assert.match(
      out,
      /- tenant contoso\n- billing as broker: .*graph.* in contoso\n- billing as broker: .*vault.* in contoso\n0 rights gained, 2 lost/,
    );
    const { tenants, grants } = documentOf(world);
    assert.ok(!tenants.some(({ name }) => name === "contoso"));
    assert.deepEqual(grants, [grant({ tenants: ["fabrikam"] })]);
  });

  for (const [kind, name] of [
    ["caller", "billing"],
    ["client", "broker"],
  ] as const) {
    test(`a ${kind} goes with its grants, and everything else of the text stays`, async () => {
      const world = createCliWorld();
      const expected = validPolicy();
      expected.grants = expected.grants.filter((each) => each[kind] !== name);
      if (kind === "caller") expected.callers = expected.callers.filter((each) => each.name !== name);
      else expected.clients = expected.clients.filter((each) => each.name !== name);
      assert.equal((await world.run(kind, "remove", name)).exit, 0);
      assert.equal(world.place.text, `${JSON.stringify(expected, undefined, 2)}\n`);
    });
  }

  test("is nothing that is not there", async () => {
    const { exit, err } = await createCliWorld().run("caller", "remove", "nobody");
    assert.equal(exit, 1);
    assert.match(err, /No caller has the name or the id "nobody"/);
  });
});

test("a caller is added in the home tenant, with its azp", async () => {
  const world = createCliWorld();
  const id = ids.strangerObjectId;
  assert.equal((await world.run("caller", "add", id, "--name", "Rechnungsprüfung", "--azp", ids.billingAzp)).exit, 0);
  assert.deepEqual(documentOf(world).callers.at(-1), {
    ...{ name: "Rechnungsprüfung", tenantId: ids.homeTenantId, objectId: id, azp: ids.billingAzp },
  });
  assert.equal((await world.run("caller", "add", "billing", "--name", "x")).exit, 2);
});

describe("a second client", () => {
  const add = ["client", "add", ids.unknownClientId, "--name", "reports"];

  test("is added with its key and certificate", async () => {
    const file = join(folder, "reports.pem");
    await writeFile(file, registered.pem);
    const world = createCliWorld();
    const { exit, out } = await world.run(...add, "--key-id", keyId, "--certificate", file);
    assert.equal(exit, 0);
    assert.match(out, /\+ client reports\n0 rights gained, 0 lost/);
    const expected = {
      name: "reports",
      clientId: ids.unknownClientId,
      certificates: [{ keyId, certificate: registered.pem }],
    };
    assert.deepEqual(documentOf(world).clients.at(-1), expected);
  });

  test("is added with a managed identity instead", async () => {
    const world = createCliWorld();
    const identity = ["--identity-client-id", ids.billingAzp, "--identity-object-id", ids.billingObjectId];
    assert.equal((await world.run(...add, ...identity)).exit, 0);
    assert.equal(documentOf(world).clients.at(-1)?.managedIdentityFederation?.identityClientId, ids.billingAzp);
  });

  test("is refused with an invalid key, with every problem, and nothing is written", async () => {
    const file = join(folder, "wrong.pem");
    await writeFile(file, "x");
    const world = createCliWorld();
    const { exit, err } = await world.run(...add, "--key-id", "https://evil.example/keys/x/1", "--certificate", file);
    assert.equal(exit, 1);
    assert.match(err, /would not be valid: nothing was changed[\s\S]*clients\[2\]\.certificates\[0\]/);
    assert.equal(world.place.writes, 0);
  });

  test("without a credential, or with two, is a usage error", async () => {
    for (const args of [
      [],
      ["--key-id", keyId],
      ["--key-id", keyId, "--certificate", "x", "--identity-client-id", "y"],
    ]) {
      assert.equal((await createCliWorld().run(...add, ...args)).exit, 2);
    }
  });
});

describe("grant add", () => {
  test("adds an entry by names, though ids were given, and says who gains what", async () => {
    const world = createCliWorld();
    const { exit, out } = await world.run(
      ...["grant", "add", "--caller", ids.exporterObjectId, "--client", ids.clientId.toUpperCase()],
      ...["--tenant", ids.contosoId, "--tenant", "fabrikam", "--scope", ids.vaultScope],
    );
    assert.equal(exit, 0);
    const scopes = [ids.vaultScope];
    assert.deepEqual(
      documentOf(world).grants.at(-1),
      grant({ caller: "exporter", tenants: ["contoso", "fabrikam"], scopes }),
    );
    assert.match(
      out,
      /\+ exporter as broker: https:\/\/vault\.azure\.net\/\.default in contoso, fabrikam\n2 rights gained/,
    );
  });

  test("to an empty list of grants, and for all active tenants", async () => {
    const world = withGrants();
    assert.equal((await world.run("grant", "add", ...asBilling, "--all-active", "--assertion")).exit, 0);
    const expected = grant({ tenants: "all-active", scopes: [], issues: ["assertion"] });
    assert.deepEqual(documentOf(world).grants, [expected]);
    assert.equal(world.place.text, `${JSON.stringify({ ...validPolicy(), grants: [expected] }, undefined, 2)}\n`);
  });

  test("of what is granted already changes nothing and is success", async () => {
    const world = createCliWorld();
    const { exit, out } = await world.run("grant", "add", ...asBilling, "--tenant", "contoso", "--scope", scope);
    assert.equal(exit, 0);
    assert.match(out, /granted in policy\.json already/);
    assert.equal(world.place.writes, 0);
  });

  test("of a control plane in the home tenant is refused, and nothing is written", async () => {
    const world = createCliWorld();
    for (const wanted of [ids.vaultScope, "797f4846-ba00-4fd7-ba43-dac1f8f63013/.default", scope]) {
      const { exit, err } = await world.run("grant", "add", ...asBilling, "--tenant", "home", "--scope", wanted);
      assert.equal(exit, 1);
      assert.match(err, /nothing was changed[\s\S]*(not granted in the home tenant|must not reach Microsoft Graph)/);
    }
    assert.equal(world.place.writes, 0);
  });

  test("without a tenant or a scope, or with both kinds of tenants, is a usage error", async () => {
    for (const args of [
      ["--tenant", "contoso"],
      ["--scope", scope],
      ["--all-active", "--tenant", "contoso", "--scope", scope],
    ]) {
      assert.equal((await createCliWorld().run("grant", "add", ...asBilling, ...args)).exit, 2, args.join(" "));
    }
  });
});

describe("grant remove", () => {
  const cases: [
    what: string,
    before: Partial<PolicyDocument["grants"][number]>,
    args: string[],
    after: Partial<PolicyDocument["grants"][number]>[],
  ][] = [
    ["all of it", { tenants: ["contoso", "fabrikam"] }, [], []],
    ["a tenant", { tenants: ["contoso", "fabrikam"] }, ["--tenant", "contoso"], [{ tenants: ["fabrikam"] }]],
    ["a scope", { scopes: [scope, ids.vaultScope] }, ["--scope", scope], [{ scopes: [ids.vaultScope] }]],
    [
      "a scope in one tenant",
      { tenants: ["contoso", "fabrikam"], scopes: [scope, ids.vaultScope] },
      ["--tenant", "contoso", "--scope", scope],
      [
        { tenants: ["fabrikam"], scopes: [scope, ids.vaultScope] },
        { tenants: ["contoso"], scopes: [ids.vaultScope] },
      ],
    ],
    ["assertions", { issues: ["token", "assertion"] }, ["--assertion"], [{}]],
    [
      "tokens, assertions stay",
      { issues: ["token", "assertion"] },
      ["--scope", scope],
      [{ scopes: [], issues: ["assertion"] }],
    ],
    ["all active tenants", { tenants: "all-active" }, ["--all-active"], []],
    ["everything, all active tenants too", { tenants: "all-active" }, [], []],
  ];
  for (const [what, before, args, expected] of cases) {
    test(`takes back ${what}, and keeps the rest`, async () => {
      const world = withGrants(grant({ caller: "exporter" }), grant(before));
      const { exit, out } = await world.run("grant", "remove", ...asBilling, ...args);
      assert.equal(exit, 0);
      assert.match(out, /- billing as broker: /);
      assert.deepEqual(documentOf(world).grants, [
        grant({ caller: "exporter" }),
        ...expected.map((each) => grant(each)),
      ]);
    });
  }

  test("of one tenant out of all active ones is refused with what helps, also where it is granted by name too", async () => {
    for (const grants of [[grant({ tenants: "all-active" })], [grant({ tenants: "all-active" }), grant({})]]) {
      const world = withGrants(...grants);
      const { exit, err } = await world.run("grant", "remove", ...asBilling, "--tenant", "contoso");
      assert.equal(exit, 1);
      assert.match(err, /nothing was changed[\s\S]*--all-active/);
      assert.equal(world.place.writes, 0);
    }
  });

  test("of what is not granted is refused", async () => {
    const { exit, err } = await createCliWorld().run("grant", "remove", ...asBilling, "--scope", ids.vaultScope);
    assert.equal(exit, 1);
    assert.match(err, /No grant gives this by name/);
  });

  test("leaves exactly the rights that were not selected, whatever the grants", async (t) => {
    const tenants = ["contoso", "fabrikam"];
    const scopes = [scope, ids.vaultScope as string, ids.storageScope as string];
    const some = <T>(all: T[]) => fc.subarray(all, { minLength: 1 });
    const anyGrant = fc
      .record({
        caller: fc.constantFrom("billing", "exporter"),
        tenants: some(tenants),
        scopes: some(scopes),
        both: fc.boolean(),
      })
      .map(({ both, ...each }) => grant({ ...each, issues: both ? ["token", "assertion"] : ["token"] }));
    const selection = fc.record({
      tenants: fc.subarray(tenants),
      scopes: fc.subarray(scopes),
      assertion: fc.boolean(),
    });
    const property = fc.asyncProperty(fc.array(anyGrant, { maxLength: 4 }), selection, async (grants, selected) => {
      const document = { ...validPolicy(), grants };
      const world = withGrants(...grants);
      const options = [
        ...selected.tenants.flatMap((each) => ["--tenant", each]),
        ...selected.scopes.flatMap((each) => ["--scope", each]),
        ...(selected.assertion ? ["--assertion"] : []),
      ];
      const { exit } = await world.run("grant", "remove", ...asBilling, ...options);
      const isNarrowed = selected.scopes.length > 0 || selected.assertion;
      const tenantIds = (selected.tenants.length > 0 ? selected.tenants : tenants).map((name) =>
        name === "contoso" ? ids.contosoId : ids.fabrikamId,
      );
      const before = [...rightsOf(compiled(document))];
      const expected = before.filter(([, right]) => {
        const isHit = right.issues === "assertion" ? selected.assertion : selected.scopes.includes(right.scope);
        const isThere = right.callerId === ids.billingObjectId && tenantIds.some((id) => id === right.tenantId);
        return !isThere || (isNarrowed && !isHit);
      });
      assert.equal(exit, expected.length < before.length ? 0 : 1);
      const keysOf = (rights: Iterable<[string, unknown]>) => [...rights].map(([key]) => key).sort();
      assert.deepEqual(keysOf(rightsOf(compiled(documentOf(world)))), keysOf(expected));
    });
    await holds(t, property, 150);
  });
});

test("an edit of a policy that somebody changed in between leaves theirs, and one that is not valid stays as it is", async () => {
  const theirs = JSON.stringify(validPolicy());
  const world = createCliWorld();
  world.place.meanwhile = () => {
    world.place.text = theirs;
  };
  const { exit, err } = await world.run("tenant", "remove", "contoso");
  assert.equal(exit, 1);
  assert.match(err, /Somebody else changed the policy meanwhile/);
  assert.equal(world.place.text, theirs);
  const broken = createCliWorld("{}");
  assert.equal((await broken.run("tenant", "add", litware, "--name", "litware")).exit, 1);
  assert.equal(broken.place.text, "{}");
});
