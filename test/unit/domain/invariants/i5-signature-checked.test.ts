/**
 * Invariant I5 (SECURITY.md): a signature is used only if the requested key version made it for the registered
 * certificate.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { issueAssertion } from "../../../../src/domain/issuing/issue-assertion.ts";
import { signatureBy } from "../../../support/fakes/signer.ts";
import { foreign, registered } from "../../../support/fixtures/certificates.ts";
import { accessToken, assertionRequest, counts, faultOf } from "../../../support/fixtures/issuing.ts";
import { keyId } from "../../../support/fixtures/policy.ts";
import { createWorld, type World } from "../../../support/fixtures/world.ts";

describe("I5 a signature is used only if the requested key version made it for the registered certificate", () => {
  const wrong: Record<string, (world: World) => void> = {
    "that names another key version": ({ signer }) => {
      signer.tamper = (answer) => ({ ...answer, keyId: keyId.replace(/.$/, "0") });
    },
    "that names no key": ({ signer }) => {
      signer.tamper = (answer) => ({ ...answer, keyId: "" });
    },
    "made by another key": ({ signer }) => {
      signer.tamper = (answer) => ({
        ...answer,
        signature: signatureBy(foreign.privateKey, signer.calls.at(-1)?.digest ?? new Uint8Array()),
      });
    },
    "made over another digest": ({ signer }) => {
      const other = createHash("sha256").update("something else").digest();
      signer.tamper = (answer) => ({ ...answer, signature: signatureBy(registered.privateKey, other) });
    },
    "with one bit changed": ({ signer }) => {
      signer.tamper = (answer) => ({
        ...answer,
        signature: answer.signature.map((byte, i) => (i === 100 ? byte ^ 1 : byte)),
      });
    },
    "that is empty": ({ signer }) => {
      signer.tamper = (answer) => ({ ...answer, signature: new Uint8Array() });
    },
    "cut short": ({ signer }) => {
      signer.tamper = (answer) => ({ ...answer, signature: answer.signature.subarray(1) });
    },
  };
  for (const [name, tamper] of Object.entries(wrong)) {
    test(`I5 a signature ${name} is discarded, and neither Entra nor a caller sees it`, async () => {
      const world = createWorld();
      tamper(world);
      await assert.rejects(accessToken(world), faultOf("signature_not_ours"));
      await assert.rejects(issueAssertion(assertionRequest, world.context), faultOf("signature_not_ours"));
      assert.deepEqual(counts(world), { signatures: 2, posts: 0, intents: 2 });
      assert.ok(world.ledger.outcomes.every(({ outcome }) => outcome.outcome === "signature_discarded"));
    });
  }

  test("I5 the vault is asked for the one key version of the active certificate", async () => {
    const world = createWorld();
    await accessToken(world);
    assert.deepEqual(
      world.signer.calls.map((call) => call.keyId),
      [keyId],
    );
  });

  test("I5 a certificate outside its validity signs nothing and writes nothing", async () => {
    const world = createWorld();
    for (const ms of [Date.UTC(2025, 11, 31, 23, 59, 59, 999), Date.UTC(2027, 0, 1)]) {
      world.clock.set(ms);
      await assert.rejects(accessToken(world), faultOf("certificate_not_valid"));
      world.context.failureCache.clear();
    }
    assert.deepEqual(world.journal, []);
  });
});
