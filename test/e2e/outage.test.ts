import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as world from "../../local/stack/world.ts";
import { askToken, testStack } from "../support/test-stack.ts";

const stack = await testStack();
const { contoso, fabrikam } = world.tenants;
stack.entra.grantConsent(fabrikam.tenantId, world.client.clientId);

const callerToken = await stack.callerToken("billing");
const cached = await askToken(stack, contoso.tenantId, { callerToken });
assert.equal(cached.status, 200);

/** Each outage meets a tenant and scope for which nothing has been minted yet. */
const outages = [
  { name: "the vault", service: stack.keyVault, tenantId: contoso.tenantId, scope: world.scopes.orders },
  { name: "Entra", service: stack.entra, tenantId: fabrikam.tenantId, scope: world.scopes.graph },
  { name: "storage", service: stack.storage, tenantId: fabrikam.tenantId, scope: world.scopes.orders },
];

for (const { name, service, tenantId, scope } of outages) {
  test(`without ${name} cached tokens are still served, new ones get 503 with Retry-After, and are minted when it is back`, async () => {
    await service.stop();
    const refused = await askToken(stack, tenantId, { callerToken, scope });
    assert.equal(refused.status, 503);
    assert.equal(refused.body.error, "temporarily_unavailable");
    const retryAfterSeconds = Number(refused.headers.get("retry-after"));
    assert.equal(retryAfterSeconds, 1);
    for (let i = 0; i < 20; i++) {
      const answer = await askToken(stack, contoso.tenantId, { callerToken });
      assert.equal(answer.status, 200);
      assert.equal(answer.body.access_token, cached.body.access_token);
    }
    await service.start();
    await sleep(1_000 * retryAfterSeconds);
    const minted = await askToken(stack, tenantId, { callerToken, scope });
    assert.equal(minted.status, 200);
  });
}

test("the process had no unhandled and no unexpected error", () => {
  const suspicious = /unhandled|"unexpected"/i;
  assert.deepEqual(
    stack.functions
      .output()
      .split("\n")
      .filter((line) => suspicious.test(line)),
    [],
  );
});
