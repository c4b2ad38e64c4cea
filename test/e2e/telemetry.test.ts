import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as world from "../../local/stack/world.ts";
import { askToken, testStack } from "../support/test-stack.ts";

/** The composed app, and what arrives at the ingestion endpoint when the instance is stopped: nothing is left behind. */
const stack = await testStack();

test("what happened arrives as custom events, metrics and traces, without a token or a key URL in it", async () => {
  assert.equal((await askToken(stack, world.tenants.contoso.tenantId)).status, 200);
  assert.equal((await askToken(stack, world.tenants.contoso.tenantId)).status, 200);
  assert.equal((await askToken(stack, world.tenants.adatum.tenantId)).status, 403);
  await fetch(`${stack.functions.httpUrl}/admin/functions/recordSignRate?wait=true`, { method: "POST" });
  await stack.functions.stop();
  while (stack.monitor.telemetry.length === 0) await sleep(100);
  const text = JSON.stringify(stack.monitor.telemetry);
  for (const name of ["request_answered", "metadata_promoted", "sign_audit_finished", "policy_applied"]) {
    assert.ok(text.includes(`"${name}"`), name);
  }
  assert.ok(text.includes("keyhold.tokens.issued"));
  const spans = stack.monitor.telemetry
    .filter(({ table }) => table === "AppDependencies")
    .map(({ envelope }) => envelope.data.baseData.name);
  // The first request called each once; the cached answer and the refusal called nobody.
  assert.deepEqual(spans.filter((name) => name !== "Entra metadata").sort(), [
    "Entra token",
    "Key Vault sign",
    "Log Analytics query",
    "ledger intent",
    "recordSignRate",
    "token",
  ]);
  assert.doesNotMatch(text, /eyJ[A-Za-z0-9_-]{10}/);
  assert.ok(!text.includes(world.vaultHost));
});
