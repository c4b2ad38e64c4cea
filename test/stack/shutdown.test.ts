import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runAuditAsOf } from "../../local/audit-as-of.ts";
import type { FunctionsInstance } from "../../local/functions-instance.ts";
import { freePorts } from "../../local/ports.ts";
import * as world from "../../local/world.ts";
import { testStack } from "./test-stack.ts";

/** What happens to signatures that are under way when an instance ends. */
const stack = await testStack({ startFunctions: false });
const callerToken = await stack.callerToken("sync");
const environment = {
  settings: stack.settings(stack.ports.https),
  routes: stack.routes,
  caFile: stack.authority.certificateFile,
};

async function askAssertions(instance: FunctionsInstance, count: number): Promise<PromiseSettledResult<number>[]> {
  const ask = async () => {
    const response = await fetch(`${instance.httpsUrl}/${world.tenants.contoso.tenantId}/assertion`, {
      method: "POST",
      headers: { authorization: `Bearer ${callerToken}`, "content-type": "application/json" },
      body: JSON.stringify({ client_id: world.client.clientId }),
    });
    return response.status;
  };
  return Promise.allSettled(Array.from({ length: count }, ask));
}

/** Knows its keys, its policy and the vault's challenge: what comes then is nothing but signing. */
async function warmInstance(): Promise<FunctionsInstance> {
  const instance = await stack.addInstance(await freePorts());
  await askAssertions(instance, 1);
  return instance;
}

const signsSince = (index: number) =>
  stack.keyVault.audit.slice(index).filter((row) => row.OperationName === "KeySign");

test("told to stop (SIGTERM), an instance answers what it has begun and writes down every outcome", async () => {
  const instance = await warmInstance();
  const before = stack.keyVault.audit.length;
  stack.keyVault.behaviour.latencyMs = 500;
  const asked = askAssertions(instance, 20);
  await sleep(250);
  await instance.stop();
  stack.keyVault.behaviour.latencyMs = 0;
  assert.deepEqual(
    (await asked).map((result) => result.status === "fulfilled" && result.value),
    Array.from({ length: 20 }, () => 200),
  );
  const rows = await stack.storage.ledgerRows();
  const ids = new Set(rows.filter(({ outcome }) => outcome === "handed_out").map((row) => row.vaultRequestId));
  const signs = signsSince(before);
  assert.equal(signs.length, 20);
  for (const sign of signs) assert.ok(ids.has(sign.CorrelationId));
});

test("killed in the middle, it leaves an intent for every signature, and the audit invents no theft", async () => {
  const instance = await warmInstance();
  await runAuditAsOf(15 * 60_000, environment);
  const before = stack.keyVault.audit.length;
  stack.keyVault.behaviour.latencyMs = 500;
  const asked = askAssertions(instance, 3);
  await sleep(250);
  await instance.kill();
  await asked;
  await sleep(500);
  stack.keyVault.behaviour.latencyMs = 0;
  assert.equal(signsSince(before).length, 3, "the vault signed all the same");
  const open = (await stack.storage.ledgerRows()).filter(({ outcome }) => outcome === undefined);
  assert.equal(open.length, 3);
  const events = await runAuditAsOf(25 * 60_000, environment);
  assert.deepEqual(
    events.filter(({ event, finding }) => event === "sign_audit_finding" && finding === "unaccounted_signature"),
    [],
  );
});
