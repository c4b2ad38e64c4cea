import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  applicationMap,
  failures,
  type TransactionItem,
  transaction,
} from "../../local/emulators/azure-monitor/views.ts";
import type { FunctionsInstance } from "../../local/stack/functions-instance.ts";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, testStack } from "../support/test-stack.ts";

/** The composed app, and what arrives at Application Insights: until the instance is stopped, and then nothing is left behind. */
const stack = await testStack({ startFunctions: false });
const { telemetry, liveMetrics } = stack.monitor;
const started: FunctionsInstance[] = [];
after(() => Promise.all(started.map((instance) => instance.kill())));

async function start(settings: Record<string, string> = {}): Promise<FunctionsInstance> {
  const instance = await stack.addInstance(await freePorts(), settings);
  started.push(instance);
  return instance;
}

const runAudit = ({ httpUrl }: FunctionsInstance) =>
  fetch(`${httpUrl}/admin/functions/recordSignRate?wait=true`, { method: "POST", body: "{}" });

const until = async (isSo: () => boolean) => {
  for (let i = 0; i < 600 && !isSo(); i++) await sleep(50);
  assert.ok(isSo());
};

const first = await start();
for (const { tenantId, status } of [
  { tenantId: world.tenants.contoso.tenantId, status: 200 },
  { tenantId: world.tenants.contoso.tenantId, status: 200 },
  { tenantId: world.tenants.adatum.tenantId, status: 403 },
]) {
  assert.equal((await askToken(stack, tenantId, { url: first.httpsUrl })).status, status);
}
await runAudit(first);
// The audit's state is no JSON, which nobody expects.
const headers = { "content-type": "application/json;odata=minimalmetadata" };
stack.storage.behaviour.faults = [
  { operation: "QueryEntities", times: 1, status: 200, headers, body: { json: "s3cret-of-the-message" } },
];
await runAudit(first);
await first.stop();

const namesIn = (table: string) =>
  telemetry.filter((one) => one.table === table).map(({ envelope }) => String(envelope.data.baseData.name));

test("events arrive as custom events and metrics", () => {
  const events = namesIn("AppEvents");
  for (const name of ["request_answered", "metadata_promoted", "sign_audit_finished", "policy_applied"]) {
    assert.ok(events.includes(name), name);
  }
  const metrics = telemetry.flatMap(({ envelope }) => (envelope.data.baseData.metrics ?? []) as { name: string }[]);
  assert.ok(metrics.some(({ name }) => name === "keyhold.tokens.issued"));
});

test("none of it contains a token, key URL, vault, tenant in a path or error's message", () => {
  const text = JSON.stringify(telemetry);
  assert.doesNotMatch(text, /eyJ[A-Za-z0-9_-]{10}/);
  for (const forbidden of [world.vaultHost, "/keys/", "/oauth2/", "s3cret-of-the-message", "login.microsoftonline"]) {
    assert.ok(!text.includes(forbidden), forbidden);
  }
});

test("the application map has an arrow from Keyhold to each service", () => {
  const edges = applicationMap(telemetry).filter(({ from }) => from === "keyhold");
  assert.deepEqual(
    edges.map(({ to, type, failed }) => [to, type, failed]).sort(),
    ["Entra", "Key Vault", "Log Analytics", "storage"].map((to) => [to, "Http", 0]),
  );
});

test("a mint is one transaction that contains the calls and its event; a cached answer has no span", () => {
  const mints = telemetry.filter(
    ({ table, envelope }) => table === "AppDependencies" && envelope.data.baseData.name === "token",
  );
  assert.equal(mints.length, 1);
  const [invocation = assert.fail()] = transaction(telemetry, mints[0]?.envelope.tags?.["ai.operation.id"] ?? "");
  const calls = invocation.within.filter(({ table, name }) => table === "AppDependencies" && name !== "Entra metadata");
  assert.deepEqual(
    calls.map(({ name, target }: TransactionItem) => [name, target]),
    [
      ["ledger intent", "storage"],
      ["Key Vault sign", "Key Vault"],
      ["Entra token", "Entra"],
    ],
  );
  assert.ok(invocation.within.some(({ table, name }) => table === "AppEvents" && name === "request_answered"));
});

test("a failure has its class and its frames in the source", () => {
  const [failure = assert.fail()] = failures(telemetry);
  assert.deepEqual([failure.type, failure.message, failure.count], ["SyntaxError", "sign_audit_failed", 1]);
  assert.match(failure.frames.join("\n"), /^loadState \(src\/adapters\/storage\/audit-store\.ts:\d+:\d+\)$/m);
});

test("live metrics are streamed if they are enabled and the page is open, and contain no secret either", async () => {
  assert.deepEqual([liveMetrics.pings, liveMetrics.samples], [0, []], "an instance does not ask unless it is told to");
  liveMetrics.isWatched = true;
  const instance = await start({ KEYHOLD_TELEMETRY_LIVE_METRICS: "true" });
  await askToken(stack, world.tenants.contoso.tenantId, { url: instance.httpsUrl });
  await until(() => liveMetrics.samples.length > 0);
  const text = JSON.stringify(liveMetrics.samples);
  assert.ok(text.includes('"RoleName":"keyhold"'), text.slice(0, 500));
  assert.doesNotMatch(text, /eyJ[A-Za-z0-9_-]{10}/);
  for (const forbidden of [world.vaultHost, "/keys/", "/oauth2/"]) assert.ok(!text.includes(forbidden), forbidden);
  await instance.stop();
});
