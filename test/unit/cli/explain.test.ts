import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyDocument } from "../../../src/domain/policy/document.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { named, validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld } from "./cli-world.ts";

const asked = { caller: "billing", client: "broker", tenant: "contoso", scope: ids.graphScope as string };

function explain(changes: Partial<typeof asked> & { assertion?: true } = {}, policy = validPolicy()) {
  const { assertion, ...options } = { ...asked, ...changes };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  return createCliWorld(JSON.stringify(policy)).run(
    "explain",
    ...args,
    ...(assertion ? ["--assertion"] : []),
    "--json",
  );
}

interface Explained {
  allowed: boolean;
  because: string[];
  changes: { add?: keyof PolicyDocument; entry?: object; set?: "tenants" | "callers" | "clients"; name?: string }[];
  changesSuffice: boolean;
}

async function explained(...args: Parameters<typeof explain>): Promise<Explained & { exit: number }> {
  const { exit, out } = await explain(...args);
  return { exit, ...(JSON.parse(out) as Explained) };
}

test("what is granted is allowed, by name and by id in any case", async () => {
  const byId = {
    caller: ids.billingObjectId.toUpperCase(),
    client: ids.clientId.toUpperCase(),
    tenant: ids.contosoId.toUpperCase(),
  };
  for (const changes of [{}, byId]) {
    assert.deepEqual(await explained(changes), {
      ...{ exit: 0, allowed: true, because: [], changes: [], changesSuffice: true },
    });
  }
});

/** What is printed is pasted, and asked again: that is what it is for. */
function paste(policy: PolicyDocument, changes: Explained["changes"]): PolicyDocument {
  for (const { add, entry, set, name } of changes) {
    if (add) (policy[add] as object[]).push(entry ?? {});
    else if (set)
      named<{ name: string; state: string } & PolicyDocument["tenants"][number]>(
        policy[set] as never,
        name ?? "",
      ).state = "active";
  }
  return policy;
}

const cases: [what: string, changes: Parameters<typeof explain>[0], because: string[]][] = [
  ["a missing grant", { tenant: "fabrikam" }, ["no_grant"]],
  ["a scope that is not granted", { scope: ids.vaultScope }, ["no_grant"]],
  ["an assertion that is not granted", { assertion: true }, ["no_grant"]],
  ["a tenant that is suspended, though granted", { tenant: "northwind" }, ["tenant_suspended"]],
  ["a caller that is suspended, though granted", { caller: "leaver" }, ["caller_suspended"]],
  ["a client that is suspended, though granted", { client: "retired" }, ["client_suspended"]],
  ["an unknown tenant", { tenant: ids.unknownTenantId }, ["tenant_unknown", "no_grant"]],
  ["an unknown caller", { caller: ids.strangerObjectId }, ["caller_unknown", "no_grant"]],
  [
    "everything at once",
    { caller: "leaver", client: "retired", tenant: "northwind" },
    ["caller_suspended", "client_suspended", "tenant_suspended", "no_grant"],
  ],
  ["a home tenant without grant", { caller: "exporter", tenant: "home", scope: ids.homeApiScope }, ["no_grant"]],
  [
    "an API in the home tenant that is not listed",
    { tenant: "home", scope: `${ids.unknownClientId}/.default` },
    ["home_tenant_resource", "no_grant"],
  ],
];
for (const [what, changes, because] of cases) {
  test(`${what} is told in full, and what is printed to be pasted is enough`, async () => {
    const first = await explained(changes);
    assert.equal(first.exit, 1);
    assert.deepEqual(first.because, because);
    assert.equal(first.changesSuffice, true);
    const second = await explained(changes, paste(validPolicy(), first.changes));
    assert.deepEqual([second.exit, second.allowed], [0, true]);
  });
}

test("Microsoft's services and assertions in the home tenant are never granted, and no change is offered", async () => {
  const arm = "797f4846-ba00-4fd7-ba43-dac1f8f63013/.default";
  for (const changes of [
    { tenant: "home" },
    { tenant: "home", scope: ids.vaultScope },
    { tenant: "home", scope: arm },
    { tenant: "home", assertion: true as const },
  ]) {
    const { exit, because, changes: offered, changesSuffice } = await explained(changes);
    assert.deepEqual([exit, because, offered, changesSuffice], [1, ["home_tenant_resource"], [], false]);
  }
});

test("an unknown client needs a certificate first, and what else is in the way is reported with it", async () => {
  for (const assertion of [{}, { assertion: true as const }]) {
    const asked = { client: ids.unknownClientId, caller: "leaver", tenant: "northwind", ...assertion };
    const { because, changes, changesSuffice } = await explained(asked);
    assert.deepEqual(because, ["caller_suspended", "client_unknown", "tenant_suspended", "no_grant"]);
    assert.equal(changesSuffice, false);
    assert.ok(!changes.some(({ add }) => add === "clients"), "no change makes a key");
  }
});

test("several unknown names are reported together, each with names that there are", async () => {
  const { exit, err } = await explain({ caller: "bling", client: "brocker", tenant: "contosa" });
  assert.equal(exit, 1);
  assert.match(err, /^error: 3 names are unknown or ambiguous\n/);
  assert.match(err, /No caller has the name or the id "bling"; known callers: billing/);
  assert.match(err, /No client has the name or the id "brocker"; known clients: broker/);
  assert.match(err, /No tenant has the name or the id "contosa"; known tenants: contoso/);
  assert.match(err, /\ntry: keyhold explain --help$/);
});

test("for people it says the reason, the JSON to paste, and that this is enough", async () => {
  const args = ["--caller", "billing", "--client", "broker", "--tenant", "fabrikam", "--scope", ids.graphScope];
  const { out } = await createCliWorld().run("explain", ...args);
  assert.match(out, /^Refused:\n- no_grant: no grant allows this\. Add to grants:\n {4}\{\n/);
  assert.match(out, /"tenants": \[\n\s+"fabrikam"/);
  assert.match(out, /With this change it would be allowed\.$/);
});

test("an unknown name is refused with names that there are, and cannot steer the terminal", async () => {
  const { exit, err } = await explain({ tenant: "cont\u001b[31moso\u202e" });
  assert.equal(exit, 1);
  assert.match(err, /No tenant has the name or the id "cont\?\[31moso\?"/);
  assert.match(err, /remedy: known tenants: contoso/);
  const long = await explain({ tenant: "x".repeat(100_000) });
  assert.ok(long.err.length < 500);
});

test("a scope that is none, or none at all, is a usage error that says what one looks like", async () => {
  for (const scope of ["User.Read", "https://graph.microsoft.com", "a b/.default", ""]) {
    const { exit, err } = await explain({ scope });
    assert.equal(exit, 2, scope);
    assert.match(err, /<resource>\/\.default/);
  }
});

test("a name that is another entry's id is not guessed at", async () => {
  const policy = validPolicy();
  named(policy.tenants, "fabrikam").name = ids.contosoId;
  const { exit, err } = await explain({ tenant: ids.contosoId }, policy);
  assert.equal(exit, 1);
  assert.match(err, /is the name of one tenant and the id of another/);
});
