import assert from "node:assert/strict";
import { test } from "node:test";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { parseSigningCertificate } from "../../../../src/domain/signing/certificate.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { signAccountably } from "../../../../src/domain/signing/sign.ts";
import { reasonOf, type SignOrder, signAssertion } from "../../../../src/domain/signing/sign-assertion.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeLedger } from "../../../support/fakes/ledger.ts";
import { createFakeSigner } from "../../../support/fakes/signer.ts";
import { decodeAssertion } from "../../../support/fixtures/assertion.ts";
import { certificateNotAfterMs, certificateNotBeforeMs, registered } from "../../../support/fixtures/certificates.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

const parsed = parseSigningCertificate(keyId, registered.pem, clouds.public);
if (Array.isArray(parsed)) throw new TypeError(parsed.join());
const certificate = parsed;
const { signal } = new AbortController();
const order: SignOrder = {
  ...{ purpose: "canary", caller: { name: "keyhold" }, clientId, tenantId: contosoId },
  ...{ cloud: clouds.public, instance: "i-1" },
};

function createWorld() {
  const world = {
    nowMs: startMs,
    signer: createFakeSigner(),
    ledger: createFakeLedger(),
    ports: () => ({
      ...{ signer: world.signer, ledger: world.ledger, clock: () => world.nowMs, newLedgerId: createLedgerId },
    }),
    sign: (algorithm: "PS256" | "RS256" = "PS256") =>
      signAccountably(
        reasonOf(order),
        certificate,
        () => ({ algorithm, bytes: Buffer.from("what is signed") }),
        world.ports(),
        signal,
      ),
  };
  return world;
}

test("a certificate signs from its first millisecond to before its last, and not outside", async () => {
  const world = createWorld();
  for (const [nowMs, isValid] of [
    [certificateNotBeforeMs - 1, false],
    [certificateNotBeforeMs, true],
    [certificateNotAfterMs - 1, true],
    [certificateNotAfterMs, false],
  ] as const) {
    world.nowMs = nowMs;
    const code = await world.sign().then(
      () => undefined,
      (error: unknown) => (error instanceof Fault ? error.code : error),
    );
    assert.equal(code, isValid ? undefined : "certificate_not_valid", `${nowMs}`);
  }
  assert.equal(world.signer.calls.length, 2);
});

test("the vault is asked for the algorithm of the signed content", async () => {
  const world = createWorld();
  await world.sign("RS256");
  await world.sign("PS256");
  assert.deepEqual(
    world.signer.calls.map(({ algorithm }) => algorithm),
    ["RS256", "PS256"],
  );
});

test("the vault may return the key's URL in another letter case, but not another key", async () => {
  const world = createWorld();
  world.signer.tamper = (answer) => ({ ...answer, keyId: answer.keyId.toUpperCase() });
  await world.sign();
  const upper = { ...certificate, keyId: certificate.keyId.toUpperCase() };
  world.signer.tamper = (answer) => ({ ...answer, keyId });
  const build = () => ({ algorithm: "PS256" as const, bytes: Buffer.from("x") });
  await signAccountably(reasonOf(order), upper, build, world.ports(), signal);
  world.signer.tamper = (answer) => ({ ...answer, keyId: `${keyId}0` });
  await assert.rejects(world.sign(), (error) => error instanceof Fault && error.code === "signature_not_ours");
});

test("an assertion is dated by Entra's clock in completed whole seconds", async () => {
  const world = createWorld();
  world.nowMs = startMs + 999;
  const issuedAt = async (clockOffsetMs: number) => {
    const deadline = { signal, atMs: world.nowMs + 1_000 };
    const { clientAssertion } = await signAssertion(order, certificate, world.ports(), deadline, clockOffsetMs);
    return decodeAssertion(clientAssertion).claims.iat;
  };
  assert.equal(await issuedAt(0), startMs / 1000);
  assert.equal(await issuedAt(1), startMs / 1000 + 1);
  assert.equal(await issuedAt(-1_000), startMs / 1000 - 1);
});

test("an intent has no member that the order does not have", () => {
  assert.deepEqual(Object.keys(reasonOf(order)), ["purpose", "callerName", "clientId", "tenantId", "instance"]);
});
