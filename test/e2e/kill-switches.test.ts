import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJwt } from "jose";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { runKeyhold } from "../support/run-keyhold.ts";
import { askToken, runTimer, settledLedgerRows, testStack } from "../support/test-stack.ts";

/** Each switch: the last instance refuses within 60 s, and until when tokens that are out live on. */
const stack = await testStack({ startFunctions: false });
const policy = world.policyOf(stack.key, stack.publisher);
const other = { clientId: "30000000-0000-4000-8000-000000000002", name: "reports-app" };
const otherKey = await stack.keyVault.createKey(other.name, { subject: `CN=${other.name}` });
stack.keyVault.assignments.push({
  objectId: world.identities.signing.objectId,
  keyName: other.name,
  actions: ["sign"],
});
stack.entra.registerApplication(other);
stack.entra.registerCertificate(other.clientId, otherKey.certificatePem);
policy.clients.push({
  ...other,
  certificates: [{ keyId: otherKey.keyId, certificate: otherKey.certificatePem }],
});
policy.grants.push(
  grantOf(world.callers.sync.name, world.client.name),
  grantOf(world.callers.billing.name, other.name),
);
const northwind = { name: "northwind", tenantId: "40000000-0000-4000-8000-000000000004" };
policy.tenants.push({ ...northwind, state: "active" });
const { contoso } = world.tenants;
for (const { tenantId } of [contoso, northwind]) {
  for (const { clientId } of [world.client, other]) stack.entra.grantConsent(tenantId, clientId, {});
}
stack.entra.grantConsent(world.homeTenantId, other.clientId, {});
await stack.writePolicy(policy);
const instances = [await stack.addInstance(stack.ports), await stack.addInstance(await freePorts())] as const;
const tokens = { billing: await stack.callerToken("billing"), sync: await stack.callerToken("sync") };

type Row = Record<string, unknown>;
type Request = [caller: keyof typeof tokens, clientId: string, tenantId: string];
const requests = {
  tenant: ["billing", world.client.clientId, contoso.tenantId],
  caller: ["sync", world.client.clientId, northwind.tenantId],
  client: ["billing", other.clientId, northwind.tenantId],
  key: ["billing", world.client.clientId, northwind.tenantId],
} satisfies Record<string, Request>;

/** What every instance answers. */
const ask = ([caller, clientId, tenantId]: Request) =>
  Promise.all(
    instances.map(async ({ httpsUrl: url }) => {
      const form = { client_id: clientId };
      const { status, body } = await askToken(stack, tenantId, { callerToken: tokens[caller], url, form });
      return body.error ?? status;
    }),
  );

/** The token of each instance, by its unique id. */
const fingerprints = (tenantId: string) =>
  Promise.all(
    instances.map(async ({ httpsUrl: url }) => {
      const { body } = await askToken(stack, tenantId, { callerToken: tokens.billing, url });
      return decodeJwt(String(body.access_token)).uti;
    }),
  );

/** So long after a switch its first answer must be the new one. */
const limitMs = 60_000;

/** The latest expiry of the tokens that the ledger says are out. */
async function tailOf(isMeant: (row: Row) => boolean): Promise<string> {
  const rows = (await settledLedgerRows(stack)).filter((row) => row.outcome === "issued" && isMeant(row));
  const last = Math.max(...rows.map(({ tokenExpiresAt }) => new Date(String(tokenExpiresAt)).getTime()));
  assert.ok(last > Date.now(), "a token is out");
  return `tokens live on for ${Math.round((last - Date.now()) / 60_000)} minutes at most`;
}

test("at first nothing is disabled, and every instance has the tokens cached", async () => {
  for (const request of Object.values(requests)) assert.deepEqual(await ask(request), [200, 200]);
});

test("tenant refresh discards a tenant's cached tokens on every instance within 60 s, and no other tenant's", async () => {
  const before = await fingerprints(contoso.tenantId);
  const others = await fingerprints(northwind.tenantId);
  const { exit, stderr } = await runKeyhold(stack, ["tenant", "refresh", "contoso"]);
  assert.equal(exit, 0, stderr);
  await stack.passTime(limitMs);
  const after = await fingerprints(contoso.tenantId);
  for (const [i, fingerprint] of after.entries()) assert.notEqual(fingerprint, before[i], `instance ${i}`);
  assert.deepEqual(await fingerprints(contoso.tenantId), after, "what was minted since is served from the cache");
  assert.deepEqual(await fingerprints(northwind.tenantId), others);
});

test("a tenant that is resumed after a suspension starts without its earlier tokens", async () => {
  const before = await fingerprints(contoso.tenantId);
  for (const verb of ["suspend", "resume"]) {
    const { exit, stderr } = await runKeyhold(stack, ["tenant", verb, "contoso"]);
    assert.equal(exit, 0, stderr);
    await stack.passTime(limitMs);
    assert.deepEqual(await ask(requests.tenant), verb === "suspend" ? ["access_denied", "access_denied"] : [200, 200]);
  }
  const after = await fingerprints(contoso.tenantId);
  for (const [i, fingerprint] of after.entries()) assert.notEqual(fingerprint, before[i], `instance ${i}`);
});

test("a new policy clears a remembered failure: a tenant that has fixed it need not wait until it expires", async () => {
  const acting = { name: "acting", tenantId: "40000000-0000-4000-8000-000000000007" };
  policy.tenants.push({ ...acting, state: "active" });
  await stack.writePolicy(policy);
  await stack.passTime(limitMs);
  const request: Request = ["billing", world.client.clientId, acting.tenantId];
  const body = { error: "invalid_grant", error_codes: [53003], error_description: "AADSTS53003: blocked" };
  stack.entra.behaviour = { latencyMs: 0, faults: [{ operation: "token", times: 2, status: 400, body }] };
  stack.entra.grantConsent(acting.tenantId, world.client.clientId);
  assert.deepEqual(await ask(request), ["tenant_not_ready", "tenant_not_ready"]);
  await stack.passTime(limitMs);
  assert.deepEqual(await ask(request), ["tenant_not_ready", "tenant_not_ready"], "for five minutes it is remembered");
  policy.tenants.push({ name: "another", tenantId: "40000000-0000-4000-8000-000000000008", state: "active" });
  await stack.writePolicy(policy);
  await stack.passTime(limitMs);
  assert.deepEqual(await ask(request), [200, 200]);
});

test("a suspended tenant, caller or client is refused by every instance within 60 s, although tokens are cached", async (t) => {
  const suspended = [
    ["tenant", policy.tenants, "contoso", (row) => row.tenantId === contoso.tenantId],
    ["caller", policy.callers, world.callers.sync.name, (row) => row.callerName === world.callers.sync.name],
    ["client", policy.clients, other.name, (row) => row.clientId === other.clientId],
  ] as [keyof typeof requests, { name: string; state?: string }[], string, (row: Row) => boolean][];
  for (const [, list, name] of suspended) setState(list, name, "suspended");
  await stack.writePolicy(policy);
  await stack.passTime(limitMs);
  for (const [kind, , , isMeant] of suspended) {
    assert.deepEqual(await ask(requests[kind]), ["access_denied", "access_denied"], kind);
    t.diagnostic(`${kind}: ${await tailOf(isMeant)}`);
  }
  assert.deepEqual(await ask(requests.key), [200, 200]);
});

test("a disabled key version stops its client on every instance within 60 s of the first notice, although its tokens are cached", async (t) => {
  stack.keyVault.setKeyEnabled(world.client.keyName, stack.key.version, false);
  await runTimer(instances[0], "checkCredentials");
  await stack.passTime(limitMs);
  assert.deepEqual(await ask(requests.key), ["server_error", "server_error"]);
  t.diagnostic(`key version: ${await tailOf((row) => row.keyVersion === stack.key.version)}`);
  stack.keyVault.setKeyEnabled(world.client.keyName, stack.key.version, true);
  await runTimer(instances[0], "checkCredentials");
  await stack.passTime(limitMs);
  assert.deepEqual(await ask(requests.key), [200, 200]);
});

function grantOf(caller: string, client: string) {
  return { caller, client, tenants: "all-active", scopes: [world.scopes.graph], issues: ["token"] };
}

function setState(list: { name: string; state?: string }[], name: string, state: string): void {
  const entry = list.find((each) => each.name === name) ?? assert.fail(`${name} is in the policy`);
  entry.state = state;
}
