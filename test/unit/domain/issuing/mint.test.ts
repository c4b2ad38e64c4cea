/** One signature, one exchange: the result of each answer of Entra. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntraErrorClass } from "../../../../src/domain/issuing/entra-errors.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import type { TenantRefusal } from "../../../../src/domain/issuing/refusal.ts";
import { Fault, type FaultCode } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { decodeAssertion } from "../../../support/fixtures/assertion.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

/** `ok`, the reason of a refusal or the code of a fault. */
async function endOf(world: World): Promise<string> {
  try {
    const issued = await issueToken(validRequest(), world.context);
    return issued.ok ? "ok" : issued.refusal.reason;
  } catch (error) {
    return error instanceof Fault ? error.code : "unexpected";
  }
}

const outcomes = ({ ledger }: World) => ledger.outcomes.map(({ outcome }) => outcome.outcome);

interface Ending {
  code: number;
  end: TenantRefusal["reason"] | FaultCode;
  signatures: number;
  posts: number;
}

/** Without a server time for `clock_skewed`: it cannot be measured then. */
const endings: Record<EntraErrorClass, Ending> = {
  not_consented: { code: 700016, end: "tenant_not_consented", signatures: 1, posts: 2 },
  not_assigned: { code: 501051, end: "tenant_not_assigned", signatures: 1, posts: 1 },
  consent_incomplete: { code: 650051, end: "tenant_consent_incomplete", signatures: 1, posts: 1 },
  blocked: { code: 53003, end: "tenant_blocked", signatures: 1, posts: 1 },
  tenant_not_found: { code: 90002, end: "tenant_not_found", signatures: 1, posts: 1 },
  resource_not_available: { code: 500011, end: "resource_not_available", signatures: 1, posts: 1 },
  credential_rejected: { code: 700027, end: "credential_rejected", signatures: 1, posts: 1 },
  clock_skewed: { code: 700024, end: "clock_skewed", signatures: 1, posts: 1 },
  loop_detected: { code: 50196, end: "token_endpoint_rejected", signatures: 1, posts: 1 },
  unexpected: { code: 50034, end: "token_endpoint_rejected", signatures: 1, posts: 1 },
  throttled: { code: 90055, end: "token_endpoint_throttled", signatures: 1, posts: 2 },
  unavailable: { code: 90033, end: "token_endpoint_unavailable", signatures: 1, posts: 2 },
};

describe("an answer of Entra", () => {
  for (const [name, { code, end, signatures, posts }] of Object.entries(endings)) {
    test(`of class ${name} ends as ${end}, with ${signatures} signature and ${posts} exchanges`, async () => {
      const world = createWorld();
      world.tokenEndpoint.always = rejection([code]);
      assert.equal(await endOf(world), end);
      assert.equal(world.signer.calls.length, signatures);
      assert.equal(world.tokenEndpoint.calls.length, posts);
      assert.deepEqual(outcomes(world), [
        end.startsWith("token_endpoint_") && posts > 1 ? "exchange_failed" : "rejected",
      ]);
    });
  }

  test("that contains codes passes them to the refusal, with the consent page of the tenant and client", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([65001, 700016]);
    const issued = await issueToken(validRequest(), world.context);
    assert.deepEqual(issued.ok ? {} : issued.refusal, {
      reason: "tenant_not_consented",
      codes: [65001, 700016],
      adminConsentUrl: `https://login.microsoftonline.com/${contosoId}/adminconsent?client_id=${clientId}`,
    });
  });
});

describe("an exchange that is retried", () => {
  for (const first of [
    rejection([90055], { status: 429, retryAfterSeconds: 3 }),
    rejection([], { status: 503 }),
    new Fault("token_endpoint_unavailable"),
  ]) {
    const name = first instanceof Error ? "a cut connection" : `${first.rejection.status}`;
    test(`after ${name} uses the same assertion: still one signature`, async () => {
      const world = createWorld();
      world.tokenEndpoint.next.push(first);
      assert.equal(await endOf(world), "ok");
      assert.equal(world.signer.calls.length, 1);
      assert.equal(new Set(world.tokenEndpoint.calls.map((call) => call.clientAssertion)).size, 1);
      assert.deepEqual(outcomes(world), ["issued"]);
      const { retryAfterSeconds = 1 } = first instanceof Error ? {} : first;
      assert.ok((world.sleeps[0] ?? 0) >= retryAfterSeconds * 1000);
    });
  }

  test("counts the token's lifetime from before the first attempt: never later than Entra's own", async () => {
    const world = createWorld();
    world.tokenEndpoint.next.push(new Fault("token_endpoint_unavailable"));
    const issued = await issueToken(validRequest(), world.context);
    const passedSeconds = Math.floor((world.clock.now() - startMs) / 1000);
    assert.ok(passedSeconds >= 1);
    assert.ok(issued.ok && issued.value.expiresInSeconds <= 3600 - passedSeconds);
  });

  test("stops before the deadline if Entra asks for a long wait, and reports the wait to the caller", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([90055], { status: 429, retryAfterSeconds: 30 });
    await assert.rejects(issueToken(validRequest(), world.context), (error) => {
      return error instanceof Fault && error.detail.retryAfterSeconds === 30;
    });
    assert.equal(world.tokenEndpoint.calls.length, 1);
  });
});

test("an assertion is dated by our own clock as long as Entra does not object", async () => {
  const world = createWorld();
  world.clock.advanceMs(999);
  await issueToken(validRequest(), world.context);
  assert.equal(decodeAssertion(world.tokenEndpoint.calls[0]?.clientAssertion ?? "").claims.iat, startMs / 1000);
});

describe("a clock that differs from Entra's", () => {
  const serverTimeMs = startMs + 600_000;

  test("is measured by Entra's Date, and one more assertion is signed by Entra's time", async () => {
    const world = createWorld();
    world.tokenEndpoint.next.push(rejection([700024], { serverTimeMs }));
    assert.equal(await endOf(world), "ok");
    assert.deepEqual(outcomes(world), ["rejected", "issued"]);
    const [first, second] = world.tokenEndpoint.calls.map((call) => decodeAssertion(call.clientAssertion).claims);
    assert.equal(first?.iat, startMs / 1000);
    assert.deepEqual([second?.nbf, second?.exp], [serverTimeMs / 1000 - 30, serverTimeMs / 1000 + 120]);
    assert.notEqual(second?.jti, first?.jti);
    assert.equal(new Set(world.ledger.intents.map(({ id }) => id)).size, 2);
  });

  test("does not lengthen the life of the token, which is counted by our own clock", async () => {
    const world = createWorld();
    world.tokenEndpoint.next.push(rejection([700024], { serverTimeMs }));
    const issued = await issueToken(validRequest(), world.context);
    assert.ok(issued.ok && issued.value.expiresInSeconds === 3600);
  });

  test("is retried once, not forever", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([700024], { serverTimeMs });
    assert.equal(await endOf(world), "clock_skewed");
    assert.equal(world.signer.calls.length, 2);
    assert.deepEqual(outcomes(world), ["rejected", "rejected"]);
  });

  test("if the second refusal is a different one, that is the result", async () => {
    const world = createWorld();
    world.tokenEndpoint.next.push(rejection([700024], { serverTimeMs }), rejection([53003]));
    assert.equal(await endOf(world), "tenant_blocked");
  });
});

describe("the vault", () => {
  for (const code of ["signer_throttled", "signer_unavailable"] as const) {
    test(`that answers ${code} once is asked again, with another intent`, async () => {
      const world = createWorld();
      world.signer.failures.push(new Fault(code, code === "signer_unavailable" ? { maybeSigned: true } : {}));
      assert.equal(await endOf(world), "ok");
      assert.equal(world.ledger.intents.length, 2);
      assert.equal(world.tokenEndpoint.calls.length, 1);
    });
  }

  const unauthorized = (detail: object) => new Fault("signer_unauthorized", { codes: [401], ...detail });
  for (const [what, fault, attempts] of [
    ["401 and replaced", unauthorized({ isTokenReplaced: true }), 2],
    ["401 and not replaced", unauthorized({}), 1],
    ["403", new Fault("signer_forbidden", { codes: [403] }), 1],
  ] as const) {
    test(`the identity's token is ${what}: ${attempts === 1 ? "no second attempt" : "a second attempt, with an intent of its own"}`, async () => {
      const world = createWorld();
      world.signer.failures.push(fault);
      assert.equal(await endOf(world), attempts === 2 ? "ok" : fault.code);
      assert.deepEqual([world.signer.calls.length, world.ledger.intents.length], [attempts, attempts]);
      assert.equal(new Set(world.ledger.intents.map(({ id }) => id)).size, attempts);
      assert.deepEqual(outcomes(world).sort(), attempts === 2 ? ["issued", "not_signed"] : ["not_signed"]);
    });
  }

  for (const code of ["signer_forbidden", "signer_key_disabled", "signer_key_not_found", "signer_rejected"] as const) {
    test(`that answers ${code} is not asked again`, async () => {
      const world = createWorld();
      world.signer.failure = new Fault(code);
      assert.equal(await endOf(world), code);
      assert.equal(world.signer.calls.length, 1);
      assert.deepEqual(outcomes(world), ["not_signed"]);
    });
  }

  test("and Entra each get at most five seconds, whatever is left of the request's time", async () => {
    const world = createWorld();
    const limits: number[] = [];
    const { startDeadline } = world.context;
    world.context.startDeadline = (withinMs) => {
      limits.push(withinMs);
      return startDeadline(withinMs);
    };
    await endOf(world);
    assert.deepEqual(limits, [20_000, 5_000, 5_000]);
    assert.ok(world.signer.calls[0]?.signal instanceof AbortSignal);
    assert.ok(world.tokenEndpoint.calls[0]?.signal instanceof AbortSignal);
  });
});
