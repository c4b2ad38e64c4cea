import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { testStack } from "../support/test-stack.ts";

const stack = await testStack({ startFunctions: false });
const ports = await freePorts();
const secret = "s3cret-value-that-must-not-be-repeated";

async function startError(settings: Record<string, string>): Promise<string> {
  const error = await stack.addInstance(ports, settings).then(
    () => assert.fail("it started"),
    (reason: Error) => reason.message,
  );
  assert.ok(!error.includes(secret));
  return error;
}

test("with bad settings Keyhold does not start and names all of them at once, never a value", async () => {
  const error = await startError({
    KEYHOLD_HOME_TENANT_ID: secret,
    KEYHOLD_LEDGER_TABLE_URL: `https://${secret}.example/`,
    KEYHOLD_MINTS_PER_MINUTE: secret,
    KEYHOLD_POLICY_FLIE: secret,
  });
  for (const name of [
    "KEYHOLD_HOME_TENANT_ID",
    "KEYHOLD_LEDGER_TABLE_URL",
    "KEYHOLD_MINTS_PER_MINUTE",
    "KEYHOLD_POLICY_FLIE",
  ]) {
    assert.match(error, new RegExp(`- ${name} .+`));
  }
});

test("with TLS verification switched off Keyhold does not start", async () => {
  const error = await startError({ NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  assert.match(error, /NODE_TLS_REJECT_UNAUTHORIZED must not be 0/);
});

test("with a bad policy Keyhold does not start and names every path at once, never a value", async () => {
  const policy = world.policyOf(stack.key, stack.publisher);
  const [client] = policy.clients;
  const [grant] = policy.grants;
  assert.ok(client && grant);
  client.clientId = secret;
  grant.scopes = [secret];
  const file = join(stack.folder, "bad-policy.json");
  await writeFile(file, JSON.stringify({ ...policy, unknown: secret }));
  const error = await startError({ KEYHOLD_POLICY_FILE: file });
  assert.match(error, /policy clients\[0\]\.clientId must be a GUID/);
  assert.match(error, /policy \(file\) must not have the unknown key "unknown"/);
});

test("with a grant that points nowhere Keyhold does not start", async () => {
  const policy = world.policyOf(stack.key, stack.publisher);
  for (const grant of policy.grants) grant.caller = "nobody";
  const file = join(stack.folder, "dangling-policy.json");
  await writeFile(file, JSON.stringify(policy));
  const error = await startError({ KEYHOLD_POLICY_FILE: file });
  assert.match(error, /policy grants\[0\]\.caller must be the name of an entry of callers/);
  assert.match(error, /policy grants\[1\]\.caller/);
});

test("with a file of roots that is missing, empty or broken Keyhold does not start", async () => {
  assert.match(await startError({ KEYHOLD_METADATA_ROOTS_FILE: `/${secret}` }), /KEYHOLD_METADATA_ROOTS_FILE/);
  const file = join(stack.folder, "roots.pem");
  await writeFile(file, "");
  assert.match(await startError({ KEYHOLD_METADATA_ROOTS_FILE: file }), /there is no certificate/);
  await writeFile(file, `${stack.authority.certificate}\n${secret}`);
  assert.match(await startError({ KEYHOLD_METADATA_ROOTS_FILE: file }), /text that is no certificate after block 1/);
});

test("without a readable policy it starts, is not ready, and issues nothing: the policy may come in a moment", async () => {
  const instance = await stack.addInstance(ports, { KEYHOLD_POLICY_FILE: join(stack.folder, "absent.json") });
  const ready = await fetch(`${instance.httpsUrl}/health/ready`);
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { status: "not ready", checks: { caller_keys: "ok", policy: "missing" } });
  const answer = await fetch(`${instance.httpsUrl}/${world.tenants.contoso.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${await stack.callerToken("billing")}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: world.client.clientId,
      scope: world.scopes.graph,
    }),
  });
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers.get("retry-after")) >= 1);
});
