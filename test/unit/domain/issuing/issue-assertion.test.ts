/** An assertion for a caller that asks Entra itself: its cost, its ledger entry, and how the vault is protected. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { issueAssertion } from "../../../../src/domain/issuing/issue-assertion.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { decodeAssertion } from "../../../support/fixtures/assertion.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, assertionRequest, counts, faultOf } from "../../../support/fixtures/issuing.ts";
import { createWorld, type World } from "../../../support/fixtures/world.ts";

const issue = (world: World, overrides = {}) => issueAssertion({ ...assertionRequest, ...overrides }, world.context);

async function assertionOf(world: World) {
  const issued = await issue(world);
  return issued.ok ? issued.value : assert.fail(JSON.stringify(issued.refusal));
}

describe("an assertion", () => {
  test("is for the tenant and client of the grant, and states its lifetime", async () => {
    const world = createWorld();
    const { clientAssertion, expiresInSeconds } = await assertionOf(world);
    const { claims } = decodeAssertion(clientAssertion);
    assert.deepEqual(
      [claims.aud, claims.sub, claims.exp],
      [
        `https://login.microsoftonline.com/${ids.contosoId}/oauth2/v2.0/token`,
        ids.clientId,
        startMs / 1000 + expiresInSeconds,
      ],
    );
    assert.equal(expiresInSeconds, 120);
  });

  test("is never cached: each is a signature with its own intent and outcome, and Entra is not asked", async () => {
    const world = createWorld();
    const [first, second] = [await assertionOf(world), await assertionOf(world)];
    assert.notEqual(first.clientAssertion, second.clientAssertion);
    assert.deepEqual(counts(world), { signatures: 2, posts: 0, intents: 2 });
    assert.deepEqual(
      world.ledger.intents.map(({ purpose, callerObjectId }) => [purpose, callerObjectId]),
      [
        ["assertion", ids.exporterObjectId],
        ["assertion", ids.exporterObjectId],
      ],
    );
    assert.deepEqual(world.ledger.outcomes[0], {
      id: world.ledger.intents[0]?.id,
      outcome: {
        outcome: "handed_out",
        vaultRequestId: "vault-request-1",
        assertionSha256: createHash("sha256").update(first.clientAssertion).digest("hex"),
        assertionExpiresAt: startMs / 1000 + 120,
      },
    });
  });

  test("states the rest of its lifetime if the signature took seconds", async () => {
    const world = createWorld();
    const { sign } = world.signer;
    world.signer.sign = async (input) => {
      world.clock.advanceMs(3_001);
      return sign.call(world.signer, input);
    };
    assert.equal((await assertionOf(world)).expiresInSeconds, 117);
  });

  test("names its caller as soon as the caller is verified, even if it fails then", async () => {
    const world = createWorld();
    world.signer.failure = new Fault("signer_forbidden");
    const admitted: string[] = [];
    const asking = issueAssertion(assertionRequest, world.context, ({ caller }) => void admitted.push(caller.objectId));
    await assert.rejects(asking, faultOf("signer_forbidden"));
    await issueAssertion({ ...assertionRequest, callerToken: callerTokens.forged }, world.context, () => assert.fail());
    assert.deepEqual(admitted, [ids.exporterObjectId]);
  });

  test("needs a valid certificate", async () => {
    const world = createWorld();
    world.context.credentials = { ...world.credentials, certificateOf: () => undefined };
    await assert.rejects(issue(world), faultOf("certificate_not_valid"));
    assert.deepEqual(world.journal, []);
  });
});

describe("a vault that does not sign", () => {
  test("is not asked for each assertion, and a success ends the outage for tokens too", async () => {
    const world = createWorld();
    world.signer.failure = new Fault("signer_forbidden");
    for (let i = 0; i < 10; i++) await assert.rejects(issue(world), faultOf("signer_forbidden"));
    assert.equal(counts(world).signatures, 1);
    world.signer.failure = undefined;
    world.clock.advanceSeconds(1);
    await assertionOf(world);
    await accessToken(world);
    assert.equal(counts(world).signatures, 3);
  });

  test("is down for tokens too, without a signature, and vice versa", async () => {
    const world = createWorld();
    world.signer.failure = new Fault("signer_forbidden");
    await assert.rejects(issue(world), faultOf("signer_forbidden"));
    await assert.rejects(accessToken(world), faultOf("signer_forbidden"));
    assert.equal(counts(world).signatures, 1);
    world.clock.advanceSeconds(1);
    await assert.rejects(accessToken(world), faultOf("signer_forbidden"));
    await assert.rejects(issue(world), faultOf("signer_forbidden"));
    assert.equal(counts(world).signatures, 2);
  });

  test("is probed at once by another caller if the probe was an assertion over its caller's budget", async () => {
    const world = createWorld({ limits: { perMinute: 9, perMinutePerCaller: 1 } });
    world.signer.failure = new Fault("signer_forbidden");
    await assert.rejects(issue(world), faultOf("signer_forbidden"));
    world.signer.failure = undefined;
    world.clock.advanceSeconds(1);
    const refused = await issue(world);
    assert.equal(!refused.ok && refused.refusal.reason, "mint_budget_exceeded");
    assert.ok(await accessToken(world));
  });
});
