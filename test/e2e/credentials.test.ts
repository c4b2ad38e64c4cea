import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as world from "../../local/stack/world.ts";
import { askToken, countOperations, runTimer, settledLedgerRows, testStack } from "../support/test-stack.ts";

/** What else lets one in as a client, found by the timer; and a client that needs no key. */
const stack = await testStack({ startFunctions: false });
const policy = world.policyOf(stack.key, stack.publisher);
const federated = { clientId: "30000000-0000-4000-8000-000000000003", name: "keyless-app" };
const identity = world.identities.storage;
policy.clients.push({
  ...federated,
  managedIdentityFederation: { identityClientId: identity.clientId, identityObjectId: identity.objectId },
} as never);
policy.grants.push({
  caller: world.callers.billing.name,
  client: federated.name,
  tenants: ["contoso"],
  scopes: [world.scopes.graph],
  issues: ["token"],
});
stack.entra.registerApplication(federated);
for (const tenantId of [world.tenants.contoso.tenantId, world.homeTenantId]) {
  stack.entra.grantConsent(tenantId, federated.clientId, {});
}
const control = async (method: string, path: string, body?: object) => {
  const response = await fetch(`${stack.controlUrl}/entra${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, await response.clone().text());
  return response.status === 204 ? {} : ((await response.json()) as Record<string, string>);
};
const federation = {
  clientId: federated.clientId,
  issuer: `https://login.microsoftonline.com/${world.homeTenantId}/v2.0`,
  subject: identity.objectId,
};
await control("POST", "/federated-credentials", federation);
const lock = { isEnabled: true, allProperties: true };
await control("PUT", "/instance-lock", { clientId: federated.clientId, lock });
await stack.writePolicy(policy);
const instance = await stack.addInstance(stack.ports);

/** The differences that one run of the timer tells. */
async function drift(): Promise<unknown[]> {
  const before = instance.output().length;
  await runTimer(instance, "checkCredentials");
  const events = instance
    .output()
    .slice(before)
    .split("\n")
    .flatMap((line) =>
      line.includes('"event":"credential')
        ? [JSON.parse(line.slice(line.indexOf("{"))) as Record<string, unknown>]
        : [],
    );
  assert.ok(events.some(({ event }) => event === "credentials_checked"));
  assert.deepEqual(
    events.filter(({ event }) => event === "credentials_check_failed"),
    [],
  );
  return events
    .filter(({ event }) => event === "credential_drift")
    .map(({ client, finding, severity }) => [client, finding, severity]);
}

describe("the drift sentinel", () => {
  const { clientId, name } = world.client;

  test("finds nothing if everything matches the policy", async () => {
    assert.deepEqual(await drift(), []);
  });

  test("finds an added client secret, federated credential and key, each as severity 0", async () => {
    const stolen = await stack.keyVault.createKey("somebody-else", { subject: "CN=somebody else" });
    const { keyId: passwordId = "" } = await control("POST", "/passwords", { clientId });
    assert.deepEqual(await drift(), [[name, "foreign_password", 0]]);
    await control("DELETE", `/passwords?clientId=${clientId}&keyId=${passwordId}`);

    const { id = "" } = await control("POST", "/federated-credentials", { ...federation, clientId });
    assert.deepEqual(await drift(), [[name, "foreign_federation", 0]]);
    await control("DELETE", `/federated-credentials?clientId=${clientId}&id=${id}`);

    stack.entra.registerCertificate(clientId, stolen.certificatePem);
    assert.deepEqual(await drift(), [[name, "foreign_key", 0]]);
    stack.entra.removeCertificate(clientId, stolen.x5tS256);
    assert.deepEqual(await drift(), []);
  });

  test("finds that the instance lock is disabled, and that a federated credential is missing", async () => {
    await control("PUT", "/instance-lock", { clientId, lock: null });
    assert.deepEqual(await drift(), [[name, "instance_lock_off", 1]]);
    await control("PUT", "/instance-lock", { clientId, lock });
  });
});

describe("a client with managedIdentityFederation", () => {
  const ask = (form: Record<string, string> = {}) =>
    askToken(stack, world.tenants.contoso.tenantId, {
      url: instance.httpsUrl,
      form: { client_id: federated.clientId, ...form },
    });

  test("gets a token for an identity's own token, without the vault, and the ledger shows it", async () => {
    const signs = countOperations(stack, "KeySign");
    const { status, body } = await ask();
    assert.equal(status, 200);
    const claims = JSON.parse(Buffer.from(String(body.access_token).split(".")[1] ?? "", "base64url").toString());
    assert.deepEqual([claims.appid, claims.tid], [federated.clientId, world.tenants.contoso.tenantId]);
    assert.equal(countOperations(stack, "KeySign"), signs);
    const rows = await settledLedgerRows(stack);
    const row = rows.find(({ clientId }) => clientId === federated.clientId) ?? assert.fail();
    assert.deepEqual(
      [row.purpose, row.identityClientId, row.keyName, row.outcome],
      ["token", identity.clientId, undefined, "issued"],
    );
  });

  test("is not part of the audit of the vault", async () => {
    await runTimer(instance, "recordSignRate");
    assert.doesNotMatch(instance.output(), /"event":"sign_audit_(finding|failed)"/);
  });

  test("returns no assertion", async () => {
    const response = await fetch(`${instance.httpsUrl}/${world.tenants.contoso.tenantId}/assertion`, {
      method: "POST",
      headers: { authorization: `Bearer ${await stack.callerToken("sync")}`, "content-type": "application/json" },
      body: JSON.stringify({ client_id: federated.clientId }),
    });
    assert.equal(response.status, 403);
  });
});
