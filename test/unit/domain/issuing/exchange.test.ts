/** The ledger's record of an exchange, and how far a clock difference is corrected. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { accessToken, counts, faultOf } from "../../../support/fixtures/issuing.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

const outcomes = ({ ledger }: World) => ledger.outcomes.map(({ outcome }) => outcome);

describe("the outcome of an exchange in the ledger", () => {
  test("of a token has both request ids, the token's hash, and its expiry", async () => {
    const world = createWorld();
    const token = await accessToken(world);
    assert.deepEqual(outcomes(world), [
      {
        outcome: "issued",
        vaultRequestId: "vault-request-1",
        entraRequestId: "entra-request",
        tokenSha256: createHash("sha256").update(token).digest("hex"),
        tokenExpiresAt: startMs / 1000 + 3_600,
      },
    ]);
    assert.equal(world.ledger.outcomes[0]?.id, world.ledger.intents[0]?.id);
  });

  test("of a token that was requested in the middle of a second names no later expiry than Entra's", async () => {
    const world = createWorld();
    world.clock.advanceMs(500);
    await accessToken(world);
    const [outcome] = outcomes(world);
    assert.equal(outcome?.outcome === "issued" && outcome.tokenExpiresAt, startMs / 1000 + 3_600);
  });

  test("of a rejection has Entra's numbers and both request ids", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([53003, 1]);
    await issueToken(validRequest(), world.context);
    assert.deepEqual(outcomes(world), [
      { outcome: "rejected", vaultRequestId: "vault-request-1", codes: [53003, 1], entraRequestId: "entra-request" },
    ]);
  });

  test("has no request id of Entra's if Entra sent none", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = { issued: true, accessToken: "x", expiresInSeconds: 60 };
    await accessToken(world);
    assert.equal("entraRequestId" in (outcomes(world)[0] ?? {}), false);
  });

  for (const [what, error, fault] of [
    ["a fault is that fault", new Fault("token_not_as_asked"), "token_not_as_asked"],
    ["an unexpected error is an exchange without answer", new TypeError("a bug"), "token_endpoint_unavailable"],
  ] as const) {
    test(`of ${what}`, async () => {
      const world = createWorld();
      world.tokenEndpoint.always = error;
      await assert.rejects(accessToken(world), error);
      assert.deepEqual(outcomes(world), [{ outcome: "exchange_failed", vaultRequestId: "vault-request-1", fault }]);
    });
  }
});

describe("a clock that differs from Entra's", () => {
  for (const offsetMs of [3_600_000, -3_600_000]) {
    test(`by ${offsetMs} ms is corrected for one more assertion`, async () => {
      const world = createWorld();
      world.tokenEndpoint.next.push(rejection([700024], { serverTimeMs: startMs + offsetMs }));
      await accessToken(world);
      assert.equal(counts(world).signatures, 2);
    });

    const tooFarMs = offsetMs + Math.sign(offsetMs);
    test(`by ${tooFarMs} ms is not: an assertion must not be valid a day later`, async () => {
      const world = createWorld();
      world.tokenEndpoint.next.push(rejection([700024], { serverTimeMs: startMs + tooFarMs }));
      await assert.rejects(accessToken(world), faultOf("clock_skewed"));
      assert.equal(counts(world).signatures, 1);
    });
  }

  test("is a fault with Entra's numbers if Entra's time is unknown, too far off, or still different the second time", async () => {
    for (const serverTimeMs of [undefined, startMs + 7_200_000, startMs + 60_000]) {
      const world = createWorld();
      world.tokenEndpoint.always = rejection([700024, 5], serverTimeMs === undefined ? {} : { serverTimeMs });
      await assert.rejects(accessToken(world), { code: "clock_skewed", detail: { codes: [700024, 5] } });
    }
  });
});

test("other refusals of the credential or of the request are faults with Entra's numbers", async () => {
  for (const [number, code] of [
    [700027, "credential_rejected"],
    [50196, "token_endpoint_rejected"],
    [1, "token_endpoint_rejected"],
  ] as const) {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([number]);
    await assert.rejects(accessToken(world), { code, detail: { codes: [number] } });
  }
});

test("refusals that only an administrator of the tenant can fix have Entra's numbers", async () => {
  for (const number of [501051, 650051, 53003, 90002, 500011]) {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([number, 7]);
    const issued = await issueToken(validRequest(), world.context);
    assert.deepEqual(!issued.ok && "codes" in issued.refusal && issued.refusal.codes, [number, 7]);
  }
});

test("a request has claims if its caller sent some, and otherwise no such member", async () => {
  const world = createWorld();
  const claims = '{"access_token":{}}';
  await accessToken(world, { demand: { claims } });
  world.clock.advanceSeconds(60);
  await accessToken(world, { demand: "no-cache" });
  const [first, second] = world.tokenEndpoint.calls;
  assert.equal(first?.claims, claims);
  assert.equal("claims" in (second ?? {}), false);
});
