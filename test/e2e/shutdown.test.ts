import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type LoggedEvent, runAuditAsOf } from "../../local/drills/audit-as-of.ts";
import type { FunctionsInstance } from "../../local/stack/functions-instance.ts";
import { freePorts } from "../../local/stack/ports.ts";
import { tableFaultAnswers } from "../../local/stack/storage-front.ts";
import * as world from "../../local/stack/world.ts";
import { settledLedgerRows, testStack } from "../support/test-stack.ts";

/** What happens to signatures that are under way when an instance ends. */
const stack = await testStack({ startFunctions: false });
const callerToken = await stack.callerToken("sync");
const environment = {
  settings: stack.settings(stack.ports.https),
  routes: stack.routes,
  caFile: stack.authority.certificateFile,
  control: stack.controlUrl,
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

const openIntents = async () =>
  (await stack.storage.ledgerRows()).filter(({ outcome }) => outcome === undefined).length;

const thefts = (events: LoggedEvent[]) =>
  events.filter(({ event, finding }) => event === "sign_audit_finding" && finding === "unaccounted_signature");

test("an instance that is asked to stop (SIGTERM) answers the requests that it has begun and writes every outcome", async () => {
  const instance = await warmInstance();
  const before = stack.keyVault.audit.length;
  stack.keyVault.behaviour.latencyMs = 2_000;
  const asked = askAssertions(instance, 20);
  while ((await openIntents()) < 20) await sleep(50);
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

/** Has ten assertions signed while the ledger takes no outcome, and tells the instance to stop. */
async function stopWhileThrottled(times: { times?: number }): Promise<{ signed: string[] }> {
  const instance = await warmInstance();
  await settledLedgerRows(stack);
  const before = stack.keyVault.audit.length;
  stack.storage.behaviour.faults = [{ operation: "MergeEntity", ...times, ...tableFaultAnswers.serverBusy }];
  const answers = await askAssertions(instance, 10);
  assert.deepEqual(
    answers.map((result) => result.status === "fulfilled" && result.value),
    Array.from({ length: 10 }, () => 200),
  );
  await instance.stop();
  return { signed: signsSince(before).map(({ CorrelationId }) => CorrelationId) };
}

test("an instance that is asked to stop while storage throttles ends when the last outcome is written", async () => {
  const { signed } = await stopWhileThrottled({ times: 35 });
  assert.deepEqual(stack.storage.behaviour.faults, [], "all of them were met");
  const outcomes = new Map((await stack.storage.ledgerRows()).map((row) => [row.vaultRequestId, row.outcome]));
  assert.equal(signed.length, 10);
  for (const requestId of signed) assert.equal(outcomes.get(requestId), "handed_out");
});

test("an instance that is asked to stop while storage throttles permanently still ends, with an intent for each signature", async () => {
  const openBefore = await openIntents();
  await runAuditAsOf(15 * 60_000, environment);
  const { signed } = await stopWhileThrottled({});
  stack.storage.behaviour.faults = [];
  assert.equal(signed.length, 10);
  assert.equal((await openIntents()) - openBefore, 10);
  assert.deepEqual(thefts(await runAuditAsOf(25 * 60_000, environment)), []);
});

test("an instance that is asked to stop while storage hangs drains within 5 s and sends an event for each lost outcome", async () => {
  const openBefore = await openIntents();
  const instance = await warmInstance();
  for (let i = 0; i < 100 && (await openIntents()) > openBefore; i++) await sleep(100);
  stack.storage.behaviour.faults = [{ operation: "MergeEntity", ...tableFaultAnswers.serverBusy, delayMs: 10_000 }];
  const answers = await askAssertions(instance, 3);
  assert.deepEqual(
    answers.map((result) => result.status === "fulfilled" && result.value),
    [200, 200, 200],
  );
  const lost = () =>
    stack.monitor.telemetry.filter((stored) => JSON.stringify(stored).includes('"name":"ledger_outcome_lost"')).length;
  const lostBefore = lost();
  const startedMs = performance.now();
  await instance.stop();
  const stopMs = performance.now() - startedMs;
  stack.storage.behaviour.faults = [];
  assert.ok(stopMs < 5_000, `${stopMs} ms`);
  assert.equal(lost() - lostBefore, 3);
});

test("an instance that is killed leaves an intent for every signature, and the audit reports no theft", async () => {
  const openBefore = await openIntents();
  const instance = await warmInstance();
  await runAuditAsOf(15 * 60_000, environment);
  const before = stack.keyVault.audit.length;
  stack.keyVault.behaviour.latencyMs = 2_000;
  const asked = askAssertions(instance, 3);
  while ((await openIntents()) - openBefore < 3) await sleep(50);
  // The intents are stored; what follows is on its way to the vault.
  await sleep(500);
  await instance.kill();
  await asked;
  await sleep(2_000);
  stack.keyVault.behaviour.latencyMs = 0;
  assert.equal(signsSince(before).length, 3, "the vault signed all the same");
  assert.equal((await openIntents()) - openBefore, 3);
  assert.deepEqual(thefts(await runAuditAsOf(25 * 60_000, environment)), []);
});
