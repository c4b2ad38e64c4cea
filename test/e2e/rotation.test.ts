import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionsInstance } from "../../local/stack/functions-instance.ts";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, runTimer, settledLedgerRows, testStack, untilWritten } from "../support/test-stack.ts";

/** A certificate is replaced while two instances mint without a pause: nobody is refused at any moment. */
const stack = await testStack({ startFunctions: false });
const { clientId, keyName } = world.client;
const next = await stack.keyVault.createKey(keyName, { subject: `CN=${world.client.name} next` });
const policy = world.policyOf(stack.key, stack.publisher);
const [client = assert.fail()] = policy.clients;
client.certificates.push({ keyId: next.keyId, certificate: next.certificatePem });
/** Every request is for a tenant of its own, so that every one is a mint. */
const tenantIds = Array.from(
  { length: 1_000 },
  (_, i) => `4100000${i % 10}-0000-4000-8000-${String(i).padStart(12, "0")}`,
);
for (const tenantId of tenantIds) {
  policy.tenants.push({ name: `tenant-${tenantId}`, tenantId, state: "active" });
  stack.entra.grantConsent(tenantId, clientId, {});
}
await stack.writePolicy(policy);
const settings = { KEYHOLD_MINTS_PER_MINUTE_PER_CALLER: "1000" };
const instances = [
  await stack.addInstance(stack.ports, settings),
  await stack.addInstance(await freePorts(), settings),
] as const;

const callerToken = await stack.callerToken("billing");
const statuses: number[] = [];
let isLoadOn = true;
const load = instances.map(async ({ httpsUrl: url }, index) => {
  for (let i = index; isLoadOn && i < tenantIds.length; i += 2) {
    const { status } = await askToken(stack, tenantIds[i] ?? "", { callerToken, url });
    statuses.push(status);
    await sleep(200);
  }
});

const told = ({ output }: FunctionsInstance, event: string) => output().split(`"event":"${event}"`).length - 1;
/** The key version of each instance's last mint. */
async function signingVersions(): Promise<Set<unknown>> {
  const rows = (await stack.storage.ledgerRows()).filter(({ purpose }) => purpose === "token");
  const last = new Map<unknown, Record<string, unknown>>();
  for (const row of rows) {
    const known = last.get(row.instance);
    if (known === undefined || String(known.rowKey) < String(row.rowKey)) last.set(row.instance, row);
  }
  assert.equal(last.size, instances.length);
  return new Set([...last.values()].map(({ keyVersion }) => keyVersion));
}
const versionOf = (keyId: string) => keyId.split("/").at(-1);

test("while Entra does not know the new certificate its canary fails, and the old one signs", async () => {
  while (statuses.length < 4) await sleep(100);
  await runTimer(instances[0], "checkCredentials");
  assert.equal(told(instances[0], "credential_canary_failed"), 1);
  assert.equal(told(instances[0], "credential_promoted"), 0);
  assert.deepEqual(await signingVersions(), new Set([versionOf(stack.key.keyId)]));
});

test("once it is registered, its canary succeeds, and within 60 s every instance signs with it", async () => {
  stack.entra.registerCertificate(clientId, next.certificatePem);
  await runTimer(instances[0], "checkCredentials");
  assert.equal(told(instances[0], "credential_promoted"), 1);
  await stack.passTime(60_000);
  const before = statuses.length;
  while (statuses.length < before + 8) await sleep(100);
  assert.deepEqual(await signingVersions(), new Set([versionOf(next.keyId)]));
});

test("Entra's clock is ahead, and then the old certificate is removed, and still no caller is refused", async () => {
  stack.entra.clockOffsetSeconds = 600;
  stack.entra.removeCertificate(clientId, x5tS256Of(stack.key.certificatePem));
  const before = statuses.length;
  while (statuses.length < before + 8) await sleep(100);
  isLoadOn = false;
  await Promise.all(load);
  stack.entra.clockOffsetSeconds = 0;
  assert.deepEqual(new Set(statuses), new Set([200]));
});

test("every signature of the rotation is in the ledger, with its purpose and its key version", async () => {
  const rows = await settledLedgerRows(stack);
  const signed = stack.keyVault.audit.filter(
    ({ OperationName, HttpStatusCode }) => OperationName === "KeySign" && HttpStatusCode === 200,
  );
  const requests = new Set(rows.map(({ vaultRequestId }) => vaultRequestId));
  assert.deepEqual(
    signed.filter(({ CorrelationId }) => !requests.has(CorrelationId)),
    [],
  );
  const canaries = rows
    .filter(({ purpose }) => purpose === "canary")
    .map(({ outcome, keyVersion }) => [outcome, keyVersion]);
  const [old, fresh] = [versionOf(stack.key.keyId), versionOf(next.keyId)];
  assert.deepEqual(
    canaries.sort((a, b) => String(a).localeCompare(String(b))),
    [
      ["issued", old],
      ["issued", old],
      ["issued", fresh],
      ["rejected", fresh],
    ].sort((a, b) => String(a).localeCompare(String(b))),
  );
});

test("if Entra drops a certificate without notice, the same request falls back to the previous one", async () => {
  stack.entra.registerCertificate(clientId, stack.key.certificatePem);
  stack.entra.removeCertificate(clientId, next.x5tS256);
  const { status } = await askToken(stack, tenantIds.at(-1) ?? "", { callerToken, url: instances[1].httpsUrl });
  assert.equal(status, 200);
  await untilWritten(instances[1], /"event":"credential_fallback"/);
  assert.equal(told(instances[1], "credential_fallback"), 1);
  assert.equal(
    (await askToken(stack, tenantIds.at(-2) ?? "", { callerToken, url: instances[1].httpsUrl })).status,
    200,
  );
  assert.equal(told(instances[1], "credential_fallback"), 1);
});

function x5tS256Of(pem: string): string {
  const { raw } = new X509Certificate(pem);
  return createHash("sha256").update(raw).digest("base64url");
}
