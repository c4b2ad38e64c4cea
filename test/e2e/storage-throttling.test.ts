import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { tableFaultAnswers } from "../../local/stack/storage-front.ts";
import * as world from "../../local/stack/world.ts";
import { createTableLedger } from "../../src/adapters/storage/ledger-writer.ts";
import type { KeyholdEvent } from "../../src/domain/events.ts";
import { Fault } from "../../src/domain/shared/fault.ts";
import type { SignOutcome } from "../../src/domain/signing/ledger.ts";
import { tokenIntent } from "../support/fixtures/ledger.ts";
import { ledgerAccess } from "../support/ledger-access.ts";
import { askToken, countOperations, settledLedgerRows, testStack } from "../support/test-stack.ts";

/** A ledger whose storage is busy: nothing is signed without an intent, and no outcome is lost. */
const stack = await testStack();
const { behaviour } = stack.storage;
const { url, credential } = await ledgerAccess(stack);
const syncToken = await stack.callerToken("sync");
const events: KeyholdEvent[] = [];
const newLedger = () => createTableLedger(url, credential, (event) => events.push(event));
const published: SignOutcome = { outcome: "published", vaultRequestId: "vault-1" };

const { serverBusy, tooManyRequests, tableBeingDeleted, entityAlreadyExists } = tableFaultAnswers;
const withRetryAfter = <T extends { headers: object }>(fault: T, seconds: number) => {
  return { ...fault, headers: { ...fault.headers, "retry-after": `${seconds}` } };
};
const busy = [
  ["503", serverBusy],
  ["503 with Retry-After", withRetryAfter(serverBusy, 1)],
  ["429", tooManyRequests],
  ["429 with Retry-After", withRetryAfter(tooManyRequests, 1)],
  ["a cut connection", { drop: true }],
] as const;

const rowOf = async (id: string) => (await stack.storage.ledgerRows()).find(({ rowKey }) => rowKey === id);

for (const [what, fault] of busy) {
  test(`forty outcomes whose first sixty writes meet ${what} are all in the ledger`, async () => {
    const ledger = newLedger();
    const intents = Array.from({ length: 40 }, () => tokenIntent(Date.now()));
    await Promise.all(intents.map((intent) => ledger.recordIntent(intent)));
    behaviour.faults = [{ operation: "MergeEntity", times: 60, ...fault }];
    for (const { id } of intents) ledger.recordOutcome(id, published);
    const rows = new Map((await settledLedgerRows(stack)).map((row) => [row.rowKey, row.outcome]));
    for (const { id } of intents) assert.equal(rows.get(id), "published");
    assert.deepEqual(behaviour.faults, [], "all sixty were met");
  });

  test(`an intent that meets ${what} once is stored`, async () => {
    behaviour.faults = [{ operation: "InsertEntity", times: 1, ...fault }];
    const ledger = newLedger();
    const intent = tokenIntent(Date.now());
    await ledger.recordIntent(intent);
    assert.ok(await rowOf(intent.id));
    ledger.recordOutcome(intent.id, published);
    await ledger.drain();
  });

  test(`an intent that repeatedly meets ${what} is a fault, so nothing is signed`, async () => {
    behaviour.faults = [{ operation: "InsertEntity", ...fault }];
    const intent = tokenIntent(Date.now());
    await assert.rejects(
      newLedger().recordIntent(intent),
      (error) => error instanceof Fault && error.code === "ledger_unavailable",
    );
    behaviour.faults = [];
    assert.equal(await rowOf(intent.id), undefined);
  });
}

test("a Retry-After that is too long to wait for is passed to the caller, without a second attempt", async () => {
  const fault = { operation: "InsertEntity", times: 2, ...withRetryAfter(serverBusy, 17) };
  behaviour.faults = [fault];
  await assert.rejects(
    newLedger().recordIntent(tokenIntent(Date.now())),
    (error) => error instanceof Fault && error.detail.retryAfterSeconds === 17,
  );
  behaviour.faults = [];
  assert.equal(fault.times, 1);
});

test("an intent whose first answer was lost already exists, and that is no conflict", async () => {
  behaviour.faults = [
    { operation: "InsertEntity", times: 1, drop: true },
    { operation: "InsertEntity", times: 1, ...entityAlreadyExists },
  ];
  await newLedger().recordIntent(tokenIntent(Date.now()));
  assert.deepEqual(behaviour.faults, []);
});

test("a write that takes longer than the time limit is repeated, and storing it twice results in one row", async () => {
  const slow = { times: 1, delayMs: 3_500 };
  behaviour.faults = [
    { operation: "InsertEntity", ...slow },
    { operation: "MergeEntity", ...slow },
  ];
  const ledger = newLedger();
  const intent = tokenIntent(Date.now());
  await ledger.recordIntent(intent);
  ledger.recordOutcome(intent.id, published);
  await ledger.drain();
  const rows = (await stack.storage.ledgerRows()).filter(({ rowKey }) => rowKey === intent.id);
  assert.deepEqual(
    rows.map(({ outcome }) => outcome),
    ["published"],
  );
  assert.deepEqual(behaviour.faults, []);
});

test("a table that is being deleted also answers with a conflict, and accepts no intent", async () => {
  behaviour.faults = [{ operation: "InsertEntity", ...tableBeingDeleted }];
  await assert.rejects(newLedger().recordIntent(tokenIntent(Date.now())), Fault);
  behaviour.faults = [];
});

test("draining waits for the outcome of every intent, whatever time storage announced", async () => {
  const ledger = newLedger();
  const [written, late] = [tokenIntent(Date.now()), tokenIntent(Date.now())];
  await Promise.all([ledger.recordIntent(written), ledger.recordIntent(late)]);
  const inAnHour = { ...serverBusy.headers, "retry-after": new Date(Date.now() + 3_600_000).toUTCString() };
  behaviour.faults = [
    { operation: "MergeEntity", times: 2, ...withRetryAfter(serverBusy, 3_600) },
    { operation: "MergeEntity", times: 1, ...serverBusy, headers: inAnHour },
  ];
  ledger.recordOutcome(written.id, published);
  const drained = ledger.drain();
  await sleep(200);
  ledger.recordOutcome(late.id, published);
  await drained;
  for (const { id } of [written, late]) assert.equal((await rowOf(id))?.outcome, "published");
  assert.deepEqual(behaviour.faults, []);
});

test("none of these outcomes was abandoned", () => {
  assert.deepEqual(events, []);
});

const assertionUrl = `${stack.functions.httpsUrl}/${world.tenants.contoso.tenantId}/assertion`;
const askAssertion = () =>
  fetch(assertionUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${syncToken}`, "content-type": "application/json" },
    body: JSON.stringify({ client_id: world.client.clientId }),
  });

/** A probe finds out that storage is back: within a second, or when the announced time has passed. */
async function untilIssued(seconds: number): Promise<void> {
  for (const endMs = performance.now() + 1_000 * seconds; performance.now() < endMs; await sleep(100)) {
    if ((await askAssertion()).status === 200) return;
  }
  assert.fail(`no assertion within ${seconds} s`);
}

for (const [what, fault] of busy.slice(0, 4)) {
  test(`while intents meet ${what}, callers are answered 503 with Retry-After and the vault gets no request`, async () => {
    behaviour.faults = [{ operation: "InsertEntity", ...fault }];
    const before = stack.keyVault.audit.length;
    for (const answer of await Promise.all(Array.from({ length: 5 }, askAssertion))) {
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers.get("retry-after")) >= 1);
    }
    behaviour.faults = [];
    assert.equal(stack.keyVault.audit.length, before);
    await untilIssued(3);
  });
}

test("storage that is busy from time to time loses neither an intent nor an outcome, and each signature has both", async () => {
  const before = stack.keyVault.audit.length;
  behaviour.faults = [
    { operation: "InsertEntity", times: 30, ...serverBusy },
    { operation: "MergeEntity", times: 30, ...tooManyRequests },
  ];
  const statuses = (await Promise.all(Array.from({ length: 40 }, askAssertion))).map(({ status }) => status);
  assert.deepEqual(
    [...new Set(statuses)].filter((status) => status !== 200 && status !== 503),
    [],
  );
  const rows = (await settledRowsOfInstance()).filter(({ outcome }) => outcome === "handed_out");
  const accounted = new Set(rows.map((row) => row.vaultRequestId));
  const signs = stack.keyVault.audit.slice(before).filter((row) => row.OperationName === "KeySign");
  assert.equal(signs.length, statuses.filter((status) => status === 200).length);
  for (const sign of signs) assert.ok(accounted.has(sign.CorrelationId));
});

test("a cached token is served while storage is busy, and no new one is signed", async () => {
  const { contoso } = world.tenants;
  await untilIssued(3);
  assert.equal((await askToken(stack, contoso.tenantId)).status, 200);
  behaviour.faults = [{ operation: "InsertEntity", ...withRetryAfter(serverBusy, 9) }];
  const signs = countOperations(stack, "KeySign");
  assert.equal((await askToken(stack, contoso.tenantId)).status, 200);
  const refused = await askToken(stack, contoso.tenantId, { scope: world.scopes.orders });
  behaviour.faults = [];
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "9");
  assert.equal(countOperations(stack, "KeySign"), signs);
});

test("the control interface sets the faults, and lists the operations if one is misspelt", async () => {
  const put = (body: object) =>
    fetch(`${stack.controlUrl}/storage/behaviour`, { method: "PUT", body: JSON.stringify(body) });
  await untilIssued(12);
  const faults = [{ operation: "InsertEntity", status: 503 }];
  assert.equal((await put({ faults })).status, 200);
  assert.deepEqual(behaviour.faults, faults);
  assert.equal((await askAssertion()).status, 503);
  const misspelt = await put({ faults: [{ operation: "Insert" }] });
  assert.equal(misspelt.status, 400);
  assert.match(await misspelt.text(), /InsertEntity/);
  assert.equal((await put({})).status, 200);
  await untilIssued(3);
});

/** Those of the functions' instance, a minute at most; this file's own intents may be open. */
async function settledRowsOfInstance(): Promise<Record<string, unknown>[]> {
  for (let i = 0; i < 600; i++) {
    const rows = (await stack.storage.ledgerRows()).filter(({ instance }) => instance !== "test");
    if (rows.every(({ outcome }) => outcome !== undefined)) return rows;
    await sleep(100);
  }
  assert.fail("a ledger row stayed open");
}
