/** Invariant I4 (SECURITY.md): the intent is stored before the vault is asked. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { issueAssertion } from "../../../../src/domain/issuing/issue-assertion.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { tokenHandler } from "../../../../src/http/issuing-handlers.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { answerOf, bearerRequest } from "../../../support/fixtures/http.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, assertionRequest, counts, faultOf, none } from "../../../support/fixtures/issuing.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

describe("I4 the intent is stored before the vault is asked", () => {
  test("I4 the order of a mint is intent, signature, exchange, outcome", async () => {
    const world = createWorld();
    await accessToken(world);
    assert.deepEqual(world.journal, ["intent", "intent stored", "sign", "post", "outcome issued"]);
    const [intent] = world.ledger.intents;
    assert.deepEqual(intent, {
      id: intent?.id,
      timeMs: startMs,
      purpose: "token",
      callerObjectId: ids.billingObjectId,
      callerName: "billing",
      clientId: ids.clientId,
      tenantId: ids.contosoId,
      scope: ids.graphScope,
      keyName: "client-assertion",
      keyVersion: "0123456789abcdef0123456789abcdef",
      instance: "test-instance",
    });
    assert.equal(world.tokenEndpoint.calls[0]?.ledgerId, intent?.id, "Entra is told the ledger's id");
    assert.deepEqual(world.ledger.outcomes, [
      {
        id: intent?.id,
        outcome: {
          outcome: "issued",
          vaultRequestId: "vault-request-1",
          entraRequestId: "entra-request",
          tokenSha256: createHash("sha256").update(String(world.tokenEndpoint.issued[0])).digest("hex"),
          tokenExpiresAt: startMs / 1000 + 3600,
        },
      },
    ]);
  });

  test("I4 with the ledger down nothing is signed, for tokens and for assertions", async () => {
    const world = createWorld();
    world.ledger.isDown = true;
    await assert.rejects(accessToken(world), faultOf("ledger_unavailable"));
    await assert.rejects(issueAssertion(assertionRequest, world.context), faultOf("ledger_unavailable"));
    assert.deepEqual(counts(world), none);
    const answer = await answerOf(tokenHandler(world.context), bearerRequest());
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers["retry-after"]) > 0);
  });

  test("I4 an assertion has an intent without scope and the outcome of a returned assertion, never of a cached one", async () => {
    const world = createWorld();
    for (let count = 1; count <= 2; count += 1) {
      const issued = await issueAssertion(assertionRequest, world.context);
      assert.ok(issued.ok);
      const { purpose, scope } = world.ledger.intents.at(-1) ?? {};
      assert.deepEqual({ purpose, scope }, { purpose: "assertion", scope: undefined });
      assert.deepEqual(world.ledger.outcomes.at(-1)?.outcome, {
        outcome: "handed_out",
        vaultRequestId: `vault-request-${count}`,
        assertionSha256: createHash("sha256").update(issued.value.clientAssertion).digest("hex"),
        assertionExpiresAt: startMs / 1000 + 120,
      });
    }
    assert.deepEqual(counts(world), { signatures: 2, posts: 0, intents: 2 });
  });

  const failures: Record<string, { prepare: (world: World) => void; outcome: Record<string, unknown> }> = {
    "the vault says no": {
      prepare: ({ signer }) => signer.failures.push(new Fault("signer_forbidden", { vaultRequestId: "v-1" })),
      outcome: { outcome: "not_signed", fault: "signer_forbidden", vaultRequestId: "v-1" },
    },
    "the vault does not answer": {
      prepare: ({ signer }) => signer.failures.push(new Fault("signer_rejected", { maybeSigned: true })),
      outcome: { outcome: "maybe_signed", fault: "signer_rejected" },
    },
    "something unexpected happens around the vault": {
      prepare: ({ signer }) => signer.failures.push(new TypeError("a bug")),
      outcome: { outcome: "maybe_signed", fault: "signer_unavailable" },
    },
    "another key signed": {
      prepare: ({ signer }) => {
        signer.tamper = (answer) => ({ ...answer, keyId: "" });
      },
      outcome: { outcome: "signature_discarded", fault: "signature_not_ours", vaultRequestId: "vault-request-1" },
    },
    "Entra says no": {
      prepare: ({ tokenEndpoint }) => tokenEndpoint.next.push(rejection([53003])),
      outcome: {
        outcome: "rejected",
        vaultRequestId: "vault-request-1",
        entraRequestId: "entra-request",
        codes: [53003],
      },
    },
    "Entra's answer is not usable": {
      prepare: ({ tokenEndpoint }) => tokenEndpoint.next.push(new Fault("token_not_as_asked")),
      outcome: { outcome: "exchange_failed", vaultRequestId: "vault-request-1", fault: "token_not_as_asked" },
    },
    "something unexpected happens around Entra": {
      prepare: ({ tokenEndpoint }) => tokenEndpoint.next.push(new TypeError("a bug")),
      outcome: { outcome: "exchange_failed", vaultRequestId: "vault-request-1", fault: "token_endpoint_unavailable" },
    },
  };
  for (const [name, { prepare, outcome }] of Object.entries(failures)) {
    test(`I4 the outcome is recorded when ${name}`, async () => {
      const world = createWorld();
      prepare(world);
      await issueToken(validRequest(), world.context).catch(() => undefined);
      assert.equal(world.ledger.intents.length, 1);
      assert.deepEqual(world.ledger.outcomes, [{ id: world.ledger.intents[0]?.id, outcome }]);
    });
  }

  test("I4 a second attempt at the vault has its own intent", async () => {
    const world = createWorld();
    world.signer.failures.push(new Fault("signer_unavailable", { maybeSigned: true }));
    await accessToken(world);
    assert.equal(new Set(world.ledger.intents.map(({ id }) => id)).size, 2);
    assert.deepEqual(
      world.ledger.outcomes.map(({ outcome }) => outcome.outcome),
      ["maybe_signed", "issued"],
    );
  });
});
