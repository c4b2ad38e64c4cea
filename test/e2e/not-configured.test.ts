import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { testStack, untilWritten } from "../support/test-stack.ts";

const stack = await testStack({ startFunctions: false });
const ports = await freePorts();
const secret = "s3cret-value-that-must-not-be-repeated";

/** Starts it with these settings. What it says on the way is one line that names every problem, and never a value. */
async function startBroken(settings: Record<string, string>) {
  const instance = await stack.addInstance(await freePorts(), settings);
  after(() => instance.stop());
  const output = instance.output();
  assert.ok(!output.includes(secret), "no value is repeated");
  const lines = output.split("\n").filter((line) => line.includes('"not_configured"'));
  assert.equal(lines.length, 1, output);
  const { level, problems } = JSON.parse(lines[0] ?? "") as { level: string; problems: string[] };
  assert.equal(level, "error");
  return { instance, problems, text: problems.join("\n") };
}

const badSettings = {
  KEYHOLD_HOME_TENANT_ID: secret,
  KEYHOLD_LEDGER_TABLE_URL: `https://${secret}.example/`,
  KEYHOLD_MINTS_PER_MINUTE: secret,
  KEYHOLD_POLICY_FLIE: secret,
};

test("with invalid settings one error line names all of them at once, never a value", async () => {
  const { problems, text } = await startBroken(badSettings);
  for (const name of Object.keys(badSettings)) assert.match(text, new RegExp(`^${name} .+`, "m"));
  assert.equal(problems.length, 4);
});

test("with invalid settings it is live, not ready, and every other route answers 503 with Retry-After", async () => {
  const { instance } = await startBroken(badSettings);
  const get = (path: string, method = "GET") => fetch(`${instance.httpsUrl}${path}`, { method });
  assert.equal((await get("/health/live")).status, 200);
  const tenant = world.tenants.contoso.tenantId;
  const others: [path: string, method: string][] = [
    ["/health/ready", "GET"],
    [`/${tenant}/oauth2/v2.0/token`, "POST"],
    [`/${tenant}/assertion`, "POST"],
    [`/${tenant}/discovery/v2.0/keys`, "GET"],
    [`/${tenant}/federationmetadata/2007-06/idp.xml`, "GET"],
  ];
  for (const [path, method] of others) {
    const answer = await get(path, method);
    assert.equal(answer.status, 503, path);
    assert.equal(answer.headers.get("retry-after"), "1", path);
    const body = (await answer.json()) as { problems: number; error_description: string };
    assert.equal(body.problems, 4, path);
    assert.match(body.error_description, /^Keyhold: not configured, 4 problems/);
  }
});

test("in the platform's log, which is read line by line, the one error is the line that names every problem", async () => {
  const instance = await stack.addInstance(await freePorts(), badSettings, undefined, { strictLog: true });
  after(() => instance.stop());
  const errors = instance
    .output()
    .split("\n")
    .filter((line) => /\berror\b/i.test(line));
  assert.equal(errors.length, 1, instance.output());
  for (const name of Object.keys(badSettings)) assert.ok(errors[0]?.includes(name), name);
  assert.equal((await fetch(`${instance.httpsUrl}/health/live`)).status, 200);
  assert.equal((await fetch(`${instance.httpsUrl}/health/ready`)).status, 503);
});

test("with TLS verification switched off it reports this and serves nothing", async () => {
  const { text } = await startBroken({ NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  assert.match(text, /NODE_TLS_REJECT_UNAUTHORIZED must not be 0/);
});

test("with a file of roots that is missing, empty or broken it reports this and serves nothing", async () => {
  assert.match((await startBroken({ KEYHOLD_METADATA_ROOTS_FILE: `/${secret}` })).text, /KEYHOLD_METADATA_ROOTS_FILE/);
  const file = join(stack.folder, "roots.pem");
  await writeFile(file, "");
  assert.match((await startBroken({ KEYHOLD_METADATA_ROOTS_FILE: file })).text, /there is no certificate/);
  await writeFile(file, `${stack.authority.certificate}\n${secret}`);
  assert.match((await startBroken({ KEYHOLD_METADATA_ROOTS_FILE: file })).text, /text that is no certificate after/);
});

/** The one event about a policy that is not taken. */
async function startWithPolicy(file: string) {
  const instance = await stack.addInstance(await freePorts(), { KEYHOLD_POLICY_FILE: file });
  after(() => instance.stop());
  await untilWritten(instance, /"policy_rejected".*\n/);
  assert.ok(!instance.output().includes(secret), "no value is repeated");
  const line = instance
    .output()
    .split("\n")
    .find((text) => text.includes('"policy_rejected"'));
  const { level, problems } = JSON.parse(line ?? "{}") as { level: string; problems: { path: string; rule: string }[] };
  assert.equal(level, "error");
  const text = problems.map(({ path, rule }) => `${path} ${rule}`).join("\n");
  return { instance, problems, text };
}

test("with an invalid policy it is not ready, names every path at once, and is ready without a restart once it is repaired", async () => {
  const policy = world.policyOf(stack.key, stack.publisher);
  const good = JSON.stringify(policy);
  const [client] = policy.clients;
  const [grant] = policy.grants;
  assert.ok(client && grant);
  client.clientId = secret;
  grant.scopes = [secret];
  const file = join(stack.folder, "bad-policy.json");
  await writeFile(file, JSON.stringify({ ...policy, unknown: secret }));
  const { instance, problems, text } = await startWithPolicy(file);
  assert.match(text, /^clients\[0\]\.clientId must be a GUID/m);
  assert.match(text, /^\(file\) must not have the unknown key "unknown"/m);
  const ready = await fetch(`${instance.httpsUrl}/health/ready`);
  assert.equal(ready.status, 503);
  assert.equal(((await ready.json()) as { problems: number }).problems, problems.length);
  await writeFile(file, good);
  let last = ready.status;
  for (let i = 0; i < 60 && last !== 200; i++) {
    await sleep(1_000);
    last = (await fetch(`${instance.httpsUrl}/health/ready`)).status;
  }
  assert.equal(last, 200);
});

test("in the platform's log, a policy that is rejected at the start is the one error, in one line", async () => {
  const policy = world.policyOf(stack.key, stack.publisher);
  for (const grant of policy.grants) grant.caller = "nobody";
  const file = join(stack.folder, "rejected-policy.json");
  await writeFile(file, JSON.stringify(policy));
  const settings = { KEYHOLD_POLICY_FILE: file };
  const instance = await stack.addInstance(await freePorts(), settings, undefined, { strictLog: true });
  after(() => instance.stop());
  await untilWritten(instance, /policy_rejected.*\n/);
  const errors = instance
    .output()
    .split("\n")
    .filter((line) => /"level":"error"/.test(line) || /^\S* ?\[?error/i.test(line));
  assert.equal(errors.length, 1, instance.output());
  for (const path of ["grants[0].caller", "grants[1].caller"]) assert.ok(errors[0]?.includes(path), path);
});

test("with a grant that refers to an unknown entry it issues nothing and names each such entry", async () => {
  const policy = world.policyOf(stack.key, stack.publisher);
  for (const grant of policy.grants) grant.caller = "nobody";
  const file = join(stack.folder, "dangling-policy.json");
  await writeFile(file, JSON.stringify(policy));
  const { text } = await startWithPolicy(file);
  assert.match(text, /^grants\[0\]\.caller must be the name of an entry of callers/m);
  assert.match(text, /^grants\[1\]\.caller/m);
});

test("without a readable policy it starts, is not ready, and issues nothing, because the policy may arrive later", async () => {
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
