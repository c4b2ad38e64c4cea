import assert from "node:assert/strict";
import { test } from "node:test";
import { runAuditAsOf } from "../../local/drills/audit-as-of.ts";
import { stealSignature } from "../../local/drills/thief.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, runTimer as runTimerOf, settledLedgerRows, testStack } from "../support/test-stack.ts";

/** The whole audit on real parts: ledger, vault's log with its lag, tables, and the composed app. Only time is moved. */
const minuteMs = 60_000;
const stack = await testStack({ log: { duplicateShare: 0.3, reorder: true } });
const { identityEndpoint, identityHeader } = stack.entra;
const stolen = { identityEndpoint, identityHeader, clientId: world.identities.signing.clientId };
const vaultUrl = `https://localhost:${stack.ports.keyVault}`;
const environment = {
  settings: stack.settings(stack.ports.https),
  routes: stack.routes,
  caFile: stack.authority.certificateFile,
  control: stack.controlUrl,
};
const findings = (events: Awaited<ReturnType<typeof runAuditAsOf>>) =>
  events.filter(({ event, isNew }) => event === "sign_audit_finding" && isNew);

const runTimer = () => runTimerOf(stack.functions, "recordSignRate");

test("the first run of the timer begins the audit", async () => {
  await runTimer();
  assert.match(stack.functions.output(), /"event":"sign_audit_finished","windows":0/);
});

test("signatures for tokens, refusals of Entra and retries after throttling raise nothing", async () => {
  for (const scope of Object.values(world.scopes)) {
    assert.equal((await askToken(stack, world.tenants.contoso.tenantId, { scope })).status, 200);
  }
  stack.keyVault.behaviour.faults.push({ operation: "KeySign", times: 1, status: 429 });
  assert.equal((await askToken(stack, world.tenants.fabrikam.tenantId)).status, 424);
  await settledLedgerRows(stack);
  const events = await runAuditAsOf(25 * minuteMs, environment);
  assert.deepEqual(findings(events), []);
  const judged = events.filter(
    ({ event, keyName }) => event === "sign_rate_judged" && keyName === world.client.keyName,
  );
  assert.equal(
    judged.reduce((sum, { signs }) => sum + Number(signs), 0),
    3,
    "each signature is counted once, though the log repeats rows",
  );
});

test("three signatures without Keyhold are reported as three, with identity, address, key and time", async () => {
  const requestIds: string[] = [];
  for (let i = 0; i < 3; i++) requestIds.push(await stealSignature(stolen, vaultUrl, stack.key.keyId));
  const events = findings(await runAuditAsOf(25 * minuteMs, environment));
  assert.deepEqual(events.map(({ requestId }) => requestId).sort(), requestIds.sort());
  for (const event of events) {
    assert.equal(event.finding, "unaccounted_signature");
    assert.equal(event.severity, 0);
    assert.equal(event.callerObjectId, world.identities.signing.objectId);
    assert.equal(event.callerAddress, "127.0.0.1");
    assert.equal(event.keyName, world.client.keyName);
    assert.equal(event.keyVersion, stack.key.version);
    assert.ok(Math.abs(Number(event.timeMs) - Date.now()) < 2 * minuteMs);
  }
});

test("a repeated run reports nothing as new, and open findings again", async () => {
  const events = await runAuditAsOf(25 * minuteMs, environment);
  assert.deepEqual(findings(events), []);
  assert.equal(events.filter(({ event }) => event === "sign_audit_finding").length, 3);
  assert.deepEqual(findings(await runAuditAsOf(30 * minuteMs, environment)), []);
});

test("the ledger reveals a row that was cut from the vault's log", async () => {
  const row = (await settledLedgerRows(stack)).find(({ outcome }) => outcome === "issued");
  const requestId = String(row?.vaultRequestId);
  stack.monitor.log.cut.push({ correlationId: requestId });
  const events = findings(await runAuditAsOf(100 * minuteMs, environment));
  assert.deepEqual(
    events.map(({ finding, requestId: id }) => [finding, id]),
    [["missing_record", requestId]],
  );
});

test("a log that cannot be read fails the run with a report, and the next run does the missed work", async () => {
  stack.monitor.behaviour.faults.push({ operation: "query", status: 503, times: 20 });
  await assert.rejects(runAuditAsOf(25 * minuteMs, environment));
  stack.monitor.behaviour.faults = [];
  const events = await runAuditAsOf(25 * minuteMs, environment);
  assert.ok(events.some(({ event }) => event === "sign_audit_finished"));
});

test("the timer deletes the ledger rows that are older than the retention time, and no others", async () => {
  const before = (await stack.storage.ledgerRows()).length;
  for (let i = 0; i < 150; i++) {
    await stack.storage.ledger.createEntity({ partitionKey: `2020-01-0${1 + (i % 3)}T10_a`, rowKey: `old-${i}` });
  }
  const events = await runAuditAsOf(0, environment);
  assert.ok(events.some(({ event, expiredRows }) => event === "sign_audit_finished" && expiredRows === 150));
  assert.equal((await stack.storage.ledgerRows()).length, before);
});

test("data stored by the previous version is used, and its windows are looked at again", async () => {
  const windowMs = 5 * minuteMs;
  const start = (agoMs: number) => Math.floor((Date.now() - agoMs) / windowMs) * windowMs;
  const revisit = Array.from({ length: 40 }, (_, i) => start(30 * 60 * minuteMs) + i * windowMs);
  const old = { watermarkMs: start(30 * minuteMs), arrivalsToMs: Date.now(), revisit };
  await stack.storage.audit.upsertEntity(
    { partitionKey: "state", rowKey: "audit", json: JSON.stringify(old) },
    "Replace",
  );
  const looked = async () => {
    const keys: number[] = [];
    const filter = "PartitionKey ge 'look_' and PartitionKey lt 'look_~'";
    for await (const row of stack.storage.audit.listEntities({ queryOptions: { filter } }))
      keys.push(Number(row.rowKey));
    return revisit.filter((fromMs) => keys.includes(fromMs));
  };
  await runAuditAsOf(0, environment);
  const first = await looked();
  assert.ok(first.length > 0);
  assert.deepEqual(first, revisit.slice(0, first.length), "oldest first");
  await runAuditAsOf(0, environment);
  assert.ok((await looked()).length > first.length, "the next run has the others");
});
