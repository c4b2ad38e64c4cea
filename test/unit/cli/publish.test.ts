/** The difference between two policies, and putting one in the place of another. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { PolicyDocument } from "../../../src/domain/policy/document.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { grant, keyId, named, validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld } from "./cli-world.ts";

const folder = await mkdtemp(join(tmpdir(), "keyhold-cli-"));
after(() => rm(folder, { recursive: true, force: true }));

let files = 0;
async function fileOf(content: PolicyDocument | string): Promise<string> {
  const file = join(folder, `policy-${++files}.json`);
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

function changed(change: (policy: PolicyDocument) => void): PolicyDocument {
  const policy = validPolicy();
  change(policy);
  return policy;
}

const cases: [what: string, change: (policy: PolicyDocument) => void, expected: string[]][] = [
  ["nothing", () => {}, ["The policies give the same rights."]],
  [
    "the order of grants and a right that is granted twice",
    (policy) => policy.grants.reverse().push(grant({})),
    ["The policies give the same rights."],
  ],
  [
    "a grant",
    (policy) => policy.grants.push(grant({ tenants: ["contoso", "fabrikam"], scopes: [ids.vaultScope] })),
    ["+ billing as broker: https://vault.azure.net/.default in contoso, fabrikam", "2 rights gained, 0 lost."],
  ],
  [
    "a tenant that is suspended",
    (policy) => Object.assign(named(policy.tenants, "contoso"), { state: "suspended" }),
    [
      "~ tenant contoso: state",
      "- billing as broker: https://graph.microsoft.com/.default in contoso",
      "- exporter as broker: https://graph.microsoft.com/.default in contoso",
      "- exporter as broker: assertion in contoso",
      "0 rights gained, 3 lost.",
    ],
  ],
  [
    "names that became all active tenants: later ones are gained",
    (policy) => {
      policy.grants[0] = grant({ tenants: "all-active" });
    },
    [
      "+ billing as broker: https://graph.microsoft.com/.default in fabrikam, every tenant added later",
      "2 rights gained, 0 lost.",
    ],
  ],
  [
    "another key of a client",
    (policy) => {
      for (const each of named(policy.clients, "broker").certificates ?? [])
        each.keyId = keyId.replace(/0(?=[^0]*$)/, "1");
    },
    ["~ client broker: certificates", "0 rights gained, 0 lost."],
  ],
  [
    "an azp, metadata, a publisher, an API at home",
    (policy) => {
      named(policy.callers, "billing").azp = undefined;
      policy.metadata.push({ tenant: "common", onDiscontinuity: "hold" });
      policy.homeApis = [];
      policy.grants = policy.grants.filter(({ tenants }) => !tenants.includes("home"));
    },
    [
      "~ caller billing: azp",
      "- home API invoices",
      "+ metadata common",
      `- billing as broker: ${ids.homeApiScope} in home`,
      "0 rights gained, 1 lost.",
    ],
  ],
  [
    "an entry by another name: the same rights",
    (policy) => {
      named(policy.tenants, "fabrikam").name = "fabrikam-eu";
    },
    ["~ tenant fabrikam-eu: name", "0 rights gained, 0 lost."],
  ],
];

describe("policy diff says of", () => {
  for (const [what, change, expected] of cases) {
    test(what, async () => {
      const world = createCliWorld();
      const files = [await fileOf(validPolicy()), await fileOf(changed(change))];
      const { exit, out } = await world.run("policy", "diff", ...files, "--home-tenant", ids.homeTenantId);
      assert.equal(exit, 0);
      assert.deepEqual(out.split("\n"), expected);
      assert.deepEqual(world.connections, [], "nothing was connected to");
    });
  }
});

test("policy diff with one file compares it with the policy in force, for machines too", async () => {
  const world = createCliWorld();
  const file = await fileOf(changed((policy) => policy.grants.splice(1)));
  const { out } = await world.run("policy", "diff", file, "--json");
  const { gained, lost } = JSON.parse(out) as { gained: object[]; lost: { caller: string; gets: string }[] };
  assert.equal(gained.length, 0);
  assert.deepEqual(new Set(lost.map(({ caller }) => caller)), new Set(["billing", "exporter"]));
});

test("policy diff of a policy that is not valid names its problems, with exit code 1", async () => {
  const { exit, err } = await createCliWorld().run("policy", "diff", await fileOf("{}"));
  assert.equal(exit, 1);
  assert.match(err, /line 1, column 1: clients: must be/);
});

test("many tenants are counted, and names cannot steer the terminal", async () => {
  const policy = changed((each) => {
    for (let i = 0; i < 30; i++) {
      each.tenants.push({
        name: `t${i}`,
        tenantId: ids.contosoId.replace(/1$/, `${i + 100}`).slice(-36),
        state: "active",
      });
    }
  });
  for (const [i, tenant] of policy.tenants.entries()) {
    if (i > 3) tenant.tenantId = `20000000-bbbb-4000-8000-${String(i).padStart(12, "9")}`;
  }
  const { out } = await createCliWorld().run("policy", "diff", await fileOf(policy));
  assert.match(out, /\+ exporter as broker: assertion in t0, .*t9 and 20 more\n60 rights gained/);
});

describe("policy publish", () => {
  const next = changed((policy) => policy.grants.push(grant({ tenants: ["fabrikam"] })));

  test("writes the file as it is over the policy in force, and says who gains what", async () => {
    const world = createCliWorld();
    const text = `\ufeff${JSON.stringify(next)}`;
    const { exit, out } = await world.run("policy", "publish", await fileOf(text));
    assert.equal(exit, 0);
    assert.match(
      out,
      /^Published to policy\.json\. .*\n\+ billing as broker: .* in fabrikam\n1 right gained, 0 lost\.$/,
    );
    assert.equal(world.place.text, text);
  });

  test("with a dry run, or of what is there already, writes nothing", async () => {
    const world = createCliWorld();
    assert.match((await world.run("policy", "publish", await fileOf(next), "--dry-run")).out, /^Dry run\. It would/);
    assert.match(
      (await world.run("policy", "publish", await fileOf(world.place.text))).out,
      /already has exactly this policy/,
    );
    assert.equal(world.place.writes, 0);
  });

  test("makes the first policy, where all rights are new", async () => {
    const world = createCliWorld();
    Object.assign(world.place, { text: undefined });
    const { exit, out } = await world.run("policy", "publish", await fileOf(next));
    assert.equal(exit, 0);
    assert.match(out, /\+ client broker[\s\S]* 0 lost/);
    assert.equal(world.place.text, JSON.stringify(next));
  });

  test("repairs a policy in force that is not valid", async () => {
    const world = createCliWorld("{");
    const { exit, out } = await world.run("policy", "publish", await fileOf(next));
    assert.equal(exit, 0);
    assert.match(out, /not valid: all rights show as new/);
  });

  test("of a policy that is not valid writes nothing", async () => {
    const world = createCliWorld();
    const { exit } = await world.run("policy", "publish", await fileOf("{}"));
    assert.equal(exit, 1);
    assert.equal(world.place.writes, 0);
  });

  test("of a policy with a key twice writes nothing: who reviewed it may have read the other one", async () => {
    const world = createCliWorld();
    const text = JSON.stringify(next).replace('"grants":', '"grants":[],"grants":');
    const { exit, err } = await world.run("policy", "publish", await fileOf(text));
    assert.equal(exit, 1);
    assert.match(err, /keys more than once[\s\S]*line 1, column \d+: grants: /);
    assert.equal(world.place.writes, 0);
  });

  test("overwrites neither what was changed since the review nor what is changed in the same moment", async () => {
    const world = createCliWorld();
    const [file, before] = [await fileOf(next), await fileOf(validPolicy())];
    const expect = ["policy", "publish", file, "--expect", before];
    const theirs = JSON.stringify(changed((policy) => policy.grants.splice(0, 1)));
    const original = world.place.text;
    world.place.text = theirs;
    const early = await world.run(...expect);
    assert.equal(early.exit, 1);
    assert.match(early.err, /not the expected one: nothing was changed/);
    world.place.text = original;
    world.place.meanwhile = () => {
      world.place.text = theirs;
    };
    assert.equal((await world.run(...expect)).exit, 1);
    assert.equal(world.place.text, theirs);
    world.place.meanwhile = () => {};
    world.place.text = original;
    assert.equal((await world.run(...expect)).exit, 0, "the same policy in another layout is the expected one");
  });

  test("names the scopes that the home tenant refuses", async () => {
    const withheld = changed((policy) => policy.grants.push(grant({ tenants: ["home"], scopes: [ids.vaultScope] })));
    const { exit, out } = await createCliWorld().run("policy", "publish", await fileOf(withheld));
    assert.equal(exit, 0);
    assert.match(out, /refused: line 1, column \d+: grants\[5\]\.scopes\[0\]: is not granted in the home tenant/);
  });
});
