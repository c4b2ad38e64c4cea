/** Invariant I2 (SECURITY.md): a refusal does no I/O to the vault, Entra or the ledger. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { issueAssertion } from "../../../../src/domain/issuing/issue-assertion.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, assertionRequest, counts, none, one } from "../../../support/fixtures/issuing.ts";
import { named, validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest } from "../../../support/fixtures/world.ts";

describe("I2 a refusal does no I/O to the vault, Entra or the ledger", () => {
  const refusals = {
    "a forged caller token": [validRequest({ callerToken: callerTokens.forged }), "caller_token_rejected"],
    "an unknown caller": [validRequest({ callerToken: callerTokens.stranger }), "not_granted"],
    "a suspended caller": [validRequest({ callerToken: callerTokens.leaver }), "not_granted"],
    "another azp": [validRequest({ callerToken: callerTokens.billingElsewhere }), "not_granted"],
    "an unknown client": [validRequest({ clientId: ids.unknownClientId }), "not_granted"],
    "a suspended client": [validRequest({ clientId: ids.suspendedClientId }), "not_granted"],
    "an unknown tenant": [validRequest({ tenantId: ids.unknownTenantId }), "not_granted"],
    "a suspended tenant": [validRequest({ tenantId: ids.suspendedTenantId }), "not_granted"],
    "a tenant without a grant": [validRequest({ tenantId: ids.fabrikamId }), "not_granted"],
    "a scope without a grant": [validRequest({ scope: ids.vaultScope }), "not_granted"],
    "Graph in the home tenant": [validRequest({ tenantId: ids.homeTenantId }), "not_granted"],
  } as const;
  for (const [name, [request, reason]] of Object.entries(refusals)) {
    test(`I2 ${name} is refused without any`, async () => {
      const world = createWorld();
      const issued = await issueToken(request, world.context);
      assert.equal(issued.ok ? "issued" : issued.refusal.reason, reason);
      assert.deepEqual(counts(world), none);
      assert.deepEqual(world.journal, []);
    });
  }

  test("I2 an assertion without a grant for it is refused without any", async () => {
    const world = createWorld();
    const issued = await issueAssertion({ ...assertionRequest, callerToken: callerTokens.billing }, world.context);
    assert.equal(issued.ok ? "issued" : issued.refusal.reason, "not_granted");
    assert.deepEqual(world.journal, []);
  });

  test("I2 a suspension refuses a cached token and purges it, without I/O", async () => {
    const world = createWorld();
    await accessToken(world);
    const policy = validPolicy();
    named(policy.tenants, "contoso").state = "suspended";
    world.applyPolicy(policy);
    const issued = await issueToken(validRequest(), world.context);
    assert.equal(issued.ok ? "issued" : issued.refusal.reason, "not_granted");
    assert.equal(world.tokenCache.size, 0);
    assert.deepEqual(counts(world), one);
  });
});
