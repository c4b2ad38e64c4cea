/**
 * An attacker who can write the audit's table can write the states of the certificates. They should be able to choose
 * among the policy's certificates at most, and stop no client: the table's content is checked by using it at the vault
 * and Entra.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CertificateRecord, CredentialState } from "../../../../src/domain/credentials/credential-state.ts";
import { applyCanaries, chooseCertificate } from "../../../../src/domain/credentials/life-cycle.ts";
import { readRejection } from "../../../../src/domain/issuing/entra-errors.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import type { SigningCertificate } from "../../../../src/domain/signing/certificate.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { foreign, registered } from "../../../support/fixtures/certificates.ts";
import { rotation } from "../../../support/fixtures/credential-check.ts";
import { all, newer, newest, newestKey, older, stateOf } from "../../../support/fixtures/credentials.ts";
import { clientId } from "../../../support/fixtures/ids.ts";
import { certificateDocument, named, validPolicy } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";
import { createWorld, validRequest } from "../../../support/fixtures/world.ts";

const keys = new Map([
  [older, registered],
  [newer, foreign],
  [newest, newestKey],
]);

/** Three certificates in the policy, all of them enabled in the vault; Entra knows one of them. */
function createClient(known: SigningCertificate) {
  const policy = validPolicy();
  named(policy.clients, "broker").certificates = all.map((certificate) =>
    certificateDocument({ keyId: certificate.keyId, certificate: keys.get(certificate)?.pem ?? "" }),
  );
  const world = createWorld({ policy });
  const keyOf = (keyId: string) => all.find((certificate) => certificate.keyId === keyId) ?? older;
  world.signer.keyOf = (keyId) => (keys.get(keyOf(keyId)) ?? registered).privateKey;
  const { requestToken } = world.tokenEndpoint;
  world.tokenEndpoint.requestToken = async (input) => {
    const header = JSON.parse(Buffer.from(input.clientAssertion.split(".")[0] ?? "", "base64url").toString());
    if (header["x5t#S256"] === known.x5tS256) return requestToken.call(world.tokenEndpoint, input);
    return readRejection({ status: 401, error: "invalid_client", errorCodes: [700027] }, {});
  };
  return {
    world,
    async write(state: CredentialState) {
      world.credentialStore.states.set(clientId, state);
      await world.credentials.reload();
    },
  };
}

test("if the writer marks the signing certificate as failed in every possible way, callers notice nothing", async () => {
  const failed: Partial<CertificateRecord>[] = [
    { disabledAtMs: startMs },
    { refusedAtMs: startMs },
    { canary: { atMs: startMs, ok: false, reason: "credential_rejected", codes: [700027] } },
    { sinceMs: Number.MAX_SAFE_INTEGER },
    { disabledAtMs: Number.MAX_SAFE_INTEGER, refusedAtMs: Number.MAX_SAFE_INTEGER },
  ];
  for (const more of failed) {
    for (const state of ["active", "retiring", "staged"] as const) {
      const { world, write } = createClient(older);
      assert.ok((await issueToken(validRequest(), world.context)).ok);
      await write(stateOf([newer, "active"], [newest, "retiring"], [older, state, more]));
      assert.ok((await issueToken(validRequest(), world.context)).ok, JSON.stringify([state, more]));
      world.clock.advanceSeconds(3_600);
      assert.ok((await issueToken(validRequest(), world.context)).ok, `a new token: ${JSON.stringify([state, more])}`);
    }
  }
});

test("whatever the writer writes, even repeatedly, a certificate that Entra accepts is found", async (t) => {
  const timeMs = fc.oneof(fc.constant(startMs), fc.integer({ min: 0, max: 2 * startMs }), fc.double());
  const record = fc.record(
    {
      x5tS256: fc.constantFrom(...all.map(({ x5tS256 }) => x5tS256)),
      state: fc.constantFrom("staged" as const, "active" as const, "retiring" as const),
      sinceMs: timeMs,
      refusedAtMs: timeMs,
      disabledAtMs: timeMs,
    },
    { requiredKeys: ["x5tS256", "state", "sinceMs"] },
  );
  const writings = fc.array(fc.array(record, { maxLength: 5 }), { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(fc.constantFrom(...all), writings, async (known, states) => {
    const { world, write } = createClient(known);
    for (const state of states) {
      await write(state);
      assert.ok((await issueToken(validRequest(), world.context)).ok);
      world.clock.advanceSeconds(3_600);
    }
  });
  await holds(t, property, 100);
});

test("a key version that the vault has disabled stays disabled for this process, even if the writer removes the mark", async () => {
  const { world, write } = createClient(older);
  assert.ok((await issueToken(validRequest(), world.context)).ok);
  await write(stateOf([older, "active", { disabledAtMs: startMs }]));
  world.signer.failure = new Fault("signer_key_disabled");
  await assert.rejects(issueToken(validRequest(), world.context), { code: "signer_key_disabled" });
  await write(stateOf([older, "active"]));
  await assert.rejects(issueToken(validRequest(), world.context), { code: "signer_key_disabled" });
});

test("after a refusal by Entra, a mint does not try every certificate again", async () => {
  const { world, write } = createClient(older);
  await write(stateOf([newer, "active"], [newest, "retiring"], [older, "staged"]));
  world.tokenEndpoint.requestToken = async () =>
    readRejection({ status: 401, error: "invalid_client", errorCodes: [700027] }, {});
  await assert.rejects(issueToken(validRequest(), world.context), { code: "credential_rejected" });
  assert.equal(world.signer.calls.length, 3);
  world.clock.advanceSeconds(120);
  await assert.rejects(issueToken(validRequest(), world.context), { code: "credential_rejected" });
  assert.equal(world.signer.calls.length, 4);
});

test("a second active record in the table lets no waiting certificate replace a disabled key version", () => {
  const state = stateOf([older, "active", { disabledAtMs: startMs }], [newer, "active"], [newest, "staged"]);
  const canaries = new Map([[newest.x5tS256, { atMs: startMs, ok: true as const }]]);
  assert.equal(chooseCertificate(all, state, startMs), older);
  assert.equal(applyCanaries(all, state, canaries, startMs).promoted, undefined);
});

test("a second active record in the table does not hide that Entra refused its certificate", async () => {
  const { world, run } = rotation();
  world.credentialStore.states.set(
    clientId,
    stateOf([older, "active"], [newer, "active", { refusedAtMs: world.clock.now() }]),
  );
  await run();
  const [event] = world.events.filter((each) => each.event === "credential_fallback");
  assert.deepEqual([event?.thumbprint, event?.to], [newer.thumbprint, older.thumbprint]);
});
