import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { faultAnswers } from "../../local/emulators/key-vault/emulator.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, countOperations, settledLedgerRows, testStack, untilWritten } from "../support/test-stack.ts";

/** Many tenants, so that every case meets one for which nothing is cached and nothing has failed yet. */
const tenantCount = 150;
const stack = await testStack({ startFunctions: false });
const policy = world.policyOf(stack.key, stack.publisher);
const tenantIds = Array.from({ length: tenantCount }, (_, i) => `41000000-0000-4000-8000-${`${i}`.padStart(12, "0")}`);
for (const [i, tenantId] of tenantIds.entries()) {
  policy.tenants.push({ name: `tenant-${i}`, tenantId, state: "active" });
  stack.entra.grantConsent(tenantId, world.client.clientId);
}
await stack.writePolicy(policy);
stack.functions = await stack.addInstance(stack.ports);
const callerToken = await stack.callerToken("billing");
const unused = tenantIds.values();

function nextTenant(): string {
  const { value } = unused.next();
  assert.ok(value, "there is a tenant left");
  return value;
}

/** Waits until a probe has found the vault as it was, so that the next case meets it and not what is remembered. */
async function untilVaultIsBack(): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if ((await askToken(stack, nextTenant(), { callerToken })).status === 200) return;
    await sleep(500);
  }
  assert.fail("the vault is back, and nobody has noticed");
}

test("50 tenants at once on a cold instance get 50 tokens with 50 signatures, all by the requested key version", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => askToken(stack, nextTenant(), { callerToken })));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(countOperations(stack, "KeySign"), 50);
  assert.equal(countOperations(stack, "KeyGet"), 0);
  for (const row of stack.keyVault.audit)
    assert.ok(row.HttpStatusCode === 200 || row.OperationName === "Authentication");
});

const vaultFaults = [
  ["is not allowed to sign", faultAnswers.forbiddenByRbac, 503, "temporarily_unavailable"],
  ["rejects our token", { status: 401 }, 503, "temporarily_unavailable"],
  ["does not know the key", { status: 404 }, 502, "server_error"],
  ["takes our request for malformed", { status: 400 }, 502, "server_error"],
] as const;

for (const [what, fault, status, error] of vaultFaults) {
  test(`the answer is ${status} ${error} with Retry-After when Keyhold ${what}`, async () => {
    // A rejected token is replaced and the request repeated once, so that one rejection is not noticed.
    const times = fault.status === 401 ? 2 : 1;
    stack.keyVault.behaviour.faults.push({ operation: "KeySign", times, ...fault });
    const answer = await askToken(stack, nextTenant(), { callerToken });
    stack.keyVault.behaviour.faults = [];
    assert.equal(answer.status, status);
    assert.equal(answer.body.error, error);
    assert.ok(Number(answer.headers.get("retry-after")) >= 1);
    assert.ok(!JSON.stringify(answer.body).includes("vault"));
    await untilVaultIsBack();
  });
}

test("a disabled key version is a kill switch: 502, and the log names the fault", async () => {
  stack.keyVault.setKeyEnabled(world.client.keyName, stack.key.version, false);
  const answer = await askToken(stack, nextTenant(), { callerToken });
  stack.keyVault.setKeyEnabled(world.client.keyName, stack.key.version, true);
  assert.equal(answer.status, 502);
  await untilWritten(stack.functions, /"code":"signer_key_disabled"/);
  await untilVaultIsBack();
});

for (const [what, fault, outcome] of [
  ["throttles", faultAnswers.throttled, "not_signed"],
  ["fails", faultAnswers.internalError, "maybe_signed"],
  ["cuts the connection", { drop: true }, "maybe_signed"],
] as const) {
  test(`a vault that ${what} once is asked again, with a new intent (${outcome})`, async () => {
    stack.keyVault.behaviour.faults.push({ operation: "KeySign", times: 1, ...fault });
    const tenantId = nextTenant();
    assert.equal((await askToken(stack, tenantId, { callerToken })).status, 200);
    const rows = (await settledLedgerRows(stack)).filter((row) => row.tenantId === tenantId);
    assert.deepEqual(rows.map((row) => row.outcome).sort(), ["issued", outcome].sort());
  });
}

test("Retry-After of a throttling Entra is respected, and the same assertion is used again", async () => {
  const tenantId = nextTenant();
  const signs = countOperations(stack, "KeySign");
  const busy = { status: 429, headers: { "retry-after": "2" }, body: { error: "temporarily_unavailable" } };
  stack.entra.behaviour.faults.push({ operation: "token", times: 1, ...busy });
  const startedMs = performance.now();
  assert.equal((await askToken(stack, tenantId, { callerToken })).status, 200);
  assert.ok(performance.now() - startedMs >= 2_000);
  assert.equal(countOperations(stack, "KeySign"), signs + 1);
});

for (const [code, status, error] of [
  [700027, 502, "server_error"],
  [7000215, 502, "server_error"],
  [90002, 424, "tenant_not_ready"],
  [65001, 424, "tenant_not_ready"],
  [53003, 424, "tenant_not_ready"],
  [500011, 400, "invalid_target"],
] as const) {
  test(`AADSTS${code} is answered with ${status} ${error}, with its number and without Entra's text`, async () => {
    const tenantId = nextTenant();
    stack.entra.forceError(tenantId, code);
    const answers = [
      await askToken(stack, tenantId, { callerToken }),
      await askToken(stack, tenantId, { callerToken }),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, status);
      assert.equal(answer.body.error, error);
      assert.deepEqual(answer.body.error_codes, [code]);
      assert.doesNotMatch(JSON.stringify(answer.body), /AADSTS|Trace ID/);
    }
    const rows = (await settledLedgerRows(stack)).filter((row) => row.tenantId === tenantId);
    assert.deepEqual(
      rows.map((row) => [row.outcome, row.codes]),
      [["rejected", `${code}`]],
    );
  });
}

test("a clock that is ten minutes behind Entra's is measured, and one more assertion is signed with the correct time", async () => {
  stack.entra.clockOffsetSeconds = 600;
  const tenantId = nextTenant();
  const { status } = await askToken(stack, tenantId, { callerToken });
  stack.entra.clockOffsetSeconds = 0;
  assert.equal(status, 200);
  const rows = (await settledLedgerRows(stack)).filter((row) => row.tenantId === tenantId);
  assert.deepEqual(rows.map((row) => row.outcome).sort(), ["issued", "rejected"]);
});

test("a request to a slow vault is abandoned before the caller gives up, and the intent says that it may have signed", async () => {
  stack.keyVault.behaviour.faults.push({ operation: "KeySign", delayMs: 8_000 });
  const tenantId = nextTenant();
  const answer = await askToken(stack, tenantId, { callerToken });
  stack.keyVault.behaviour.faults = [];
  assert.equal(answer.status, 503);
  const rows = (await settledLedgerRows(stack)).filter((row) => row.tenantId === tenantId);
  assert.ok(rows.length >= 1);
  for (const row of rows) assert.equal(row.outcome, "maybe_signed");
});

test("no fault of this file has written a token or a key URL to the log", () => {
  assert.doesNotMatch(stack.functions.output(), /eyJ|vault\.azure\.net/);
  assert.doesNotMatch(stack.functions.output(), /"code":"unexpected"/);
});
