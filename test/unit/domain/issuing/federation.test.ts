import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import {
  billingAzp,
  billingObjectId,
  exporterObjectId,
  homeApiScope,
  homeTenantId,
} from "../../../support/fixtures/ids.ts";
import { accessToken, faultOf } from "../../../support/fixtures/issuing.ts";
import { named, validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest } from "../../../support/fixtures/world.ts";

/** The client `broker` has no key: a managed identity's own token is its assertion. */
function federated() {
  const policy = validPolicy();
  const client = named(policy.clients, "broker");
  client.certificates = undefined;
  client.managedIdentityFederation = { identityClientId: billingAzp, identityObjectId: exporterObjectId };
  policy.grants = policy.grants.filter(({ issues }) => !issues.includes("assertion"));
  return createWorld({ policy });
}

describe("a client with managedIdentityFederation", () => {
  test("gets a token for the identity's own token, without a request to the vault", async () => {
    const world = federated();
    await accessToken(world);
    assert.deepEqual(world.signer.calls, []);
    assert.deepEqual(world.federatedIdentity.calls, [billingAzp]);
    assert.match(world.tokenEndpoint.calls[0]?.clientAssertion ?? "", /identity-1/);
  });

  test("has its intent in the ledger before the identity is asked, and the outcome after", async () => {
    const world = federated();
    await accessToken(world);
    assert.deepEqual(world.journal, ["intent", "intent stored", "identity", "post", "outcome issued"]);
    const [intent = assert.fail()] = world.ledger.intents;
    assert.deepEqual(
      [intent.purpose, intent.callerObjectId, intent.identityClientId, intent.keyName, intent.timeMs],
      ["token", billingObjectId, billingAzp, undefined, startMs],
    );
    assert.equal(world.tokenEndpoint.calls[0]?.ledgerId, intent.id);
    assert.equal("vaultRequestId" in (world.ledger.outcomes[0]?.outcome ?? {}), false, "no vault has signed");
  });

  test("is served from the cache like any other", async () => {
    const world = federated();
    assert.equal(await accessToken(world), await accessToken(world));
    assert.equal(world.tokenEndpoint.calls.length, 1);
  });

  test("gets no token without the ledger", async () => {
    const world = federated();
    world.ledger.isDown = true;
    await assert.rejects(issueToken(validRequest(), world.context), faultOf("ledger_unavailable"));
    assert.deepEqual(world.federatedIdentity.calls, []);
  });

  test("whose identity gets no token is a temporary fault, with an outcome of not signed", async () => {
    const world = federated();
    world.federatedIdentity.failure = new Fault("identity_unavailable");
    await assert.rejects(issueToken(validRequest(), world.context), faultOf("identity_unavailable"));
    const [{ outcome } = assert.fail()] = world.ledger.outcomes;
    assert.deepEqual(outcome, { outcome: "not_signed", fault: "identity_unavailable" });
  });

  test("whose identity gets no token does not ask it for each request, but again after a second", async () => {
    const world = federated();
    world.federatedIdentity.failure = new Fault("identity_unavailable");
    await assert.rejects(accessToken(world), faultOf("identity_unavailable"));
    const other = { tenantId: homeTenantId, scope: homeApiScope };
    await assert.rejects(accessToken(world, other), faultOf("identity_unavailable"));
    assert.equal(world.federatedIdentity.calls.length, 1);
    world.federatedIdentity.failure = undefined;
    world.clock.advanceSeconds(1);
    await accessToken(world);
  });

  test("whose identity fails unexpectedly also has an outcome of not signed", async () => {
    const world = federated();
    world.federatedIdentity.failure = new TypeError("a bug");
    await assert.rejects(issueToken(validRequest(), world.context), TypeError);
    assert.deepEqual(
      world.ledger.outcomes.map(({ id, outcome }) => [id, outcome]),
      [[world.ledger.intents[0]?.id, { outcome: "not_signed", fault: "identity_unavailable" }]],
    );
  });

  test("whose federated credential is unknown to Entra is our fault, with Entra's number", async () => {
    const world = federated();
    world.tokenEndpoint.always = rejection([700213], { error: "invalid_client" });
    await assert.rejects(issueToken(validRequest(), world.context), faultOf("credential_rejected"));
  });

  test("whose identity's token has a signature that Entra refuses presents another one, once, with its own intent", async () => {
    const world = federated();
    world.tokenEndpoint.next.push(rejection([50013], { error: "invalid_client" }));
    await accessToken(world);
    assert.equal(world.federatedIdentity.replaced.length, 1);
    assert.deepEqual(
      world.tokenEndpoint.calls.map(({ clientAssertion }) => clientAssertion.split(".")[1]),
      ["identity-1", "identity-2"],
    );
    assert.equal(new Set(world.tokenEndpoint.calls.map(({ ledgerId }) => ledgerId)).size, 2);
    assert.deepEqual(
      world.ledger.outcomes.map(({ outcome }) => outcome.outcome),
      ["rejected", "issued"],
    );
  });

  test("presents another token for each of Entra's numbers for that case, and for no other", async () => {
    for (const [code, posts] of [
      [50012, 2],
      [50013, 2],
      [700027, 2],
      [700213, 1],
      [700024, 1],
      [50196, 1],
    ] as const) {
      const world = federated();
      world.tokenEndpoint.always = rejection([code]);
      await assert.rejects(accessToken(world), Fault);
      assert.equal(world.tokenEndpoint.calls.length, posts, `${code}`);
    }
  });

  test("presents no other token if the exchange failed otherwise, whatever the numbers", async () => {
    for (const failure of [
      new Fault("token_endpoint_rejected", { codes: [50013] }),
      new Fault("credential_rejected"),
      new TypeError("a bug"),
    ]) {
      const world = federated();
      world.tokenEndpoint.always = failure;
      await assert.rejects(accessToken(world), (error) => error === failure);
      assert.equal(world.federatedIdentity.calls.length, 1);
    }
  });

  test("is not signed for again by Entra's time: the times in an identity's token are already Entra's", async () => {
    const world = federated();
    world.tokenEndpoint.always = rejection([700024], { serverTimeMs: world.clock.now() + 60_000 });
    await assert.rejects(accessToken(world), { code: "clock_skewed", detail: { codes: [700024] } });
    assert.deepEqual(world.federatedIdentity.calls, [billingAzp]);
  });

  test("does not present a token twice if the identity has no other one, or if the credential is unknown", async () => {
    for (const [hasAnother, code] of [
      [false, 50013],
      [true, 700213],
    ] as const) {
      const world = federated();
      world.federatedIdentity.hasAnother = hasAnother;
      world.tokenEndpoint.always = rejection([code], { error: "invalid_client" });
      await assert.rejects(issueToken(validRequest(), world.context), faultOf("credential_rejected"));
      assert.equal(world.tokenEndpoint.calls.length, 1);
    }
  });

  test("is not asked again while the failure is remembered", async () => {
    const world = federated();
    world.tokenEndpoint.always = rejection([700213], { error: "invalid_client" });
    for (let i = 0; i < 3; i++) await assert.rejects(issueToken(validRequest(), world.context), Fault);
    assert.equal(world.tokenEndpoint.calls.length, 1);
  });
});
