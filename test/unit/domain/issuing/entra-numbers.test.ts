/**
 * Every error number of Entra that we know: the caller's answer, the number of signatures, and whether the certificate
 * changes.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type EntraErrorClass, numbersByClass } from "../../../../src/domain/issuing/entra-errors.ts";
import { tokenHandler } from "../../../../src/http/issuing-handlers.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { foreign, registered } from "../../../support/fixtures/certificates.ts";
import { namesOf, newer, older, stateOf } from "../../../support/fixtures/credentials.ts";
import { answerOf, bearerRequest } from "../../../support/fixtures/http.ts";
import { clientId } from "../../../support/fixtures/ids.ts";
import { counts } from "../../../support/fixtures/issuing.ts";
import { certificateDocument, named, validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld } from "../../../support/fixtures/world.ts";

interface Row {
  status: number;
  error: string;
  /** With two registered certificates, and Entra that gives the same answer to both. */
  signatures: number;
  posts: number;
  certificateChanges: boolean;
}

const notReady = { status: 424, error: "tenant_not_ready", signatures: 1, posts: 1, certificateChanges: false };
const ours = { ...notReady, status: 502, error: "server_error" };
const passing = { ...notReady, status: 503, error: "temporarily_unavailable" };
const rows: Record<EntraErrorClass, Row> = {
  credential_rejected: { ...ours, signatures: 2, posts: 2, certificateChanges: true },
  clock_skewed: ours,
  not_consented: { ...notReady, posts: 2 },
  not_assigned: notReady,
  consent_incomplete: notReady,
  blocked: notReady,
  tenant_not_found: notReady,
  resource_not_available: { ...notReady, status: 400, error: "invalid_target" },
  throttled: { ...passing, posts: 2 },
  unavailable: { ...passing, posts: 2 },
  loop_detected: ours,
  unexpected: ours,
};

/** The newer certificate signs; the older one is still registered. */
async function rotated() {
  const policy = validPolicy();
  named(policy.clients, "broker").certificates = [
    certificateDocument({ keyId: older.keyId, certificate: registered.pem }),
    certificateDocument({ keyId: newer.keyId, certificate: foreign.pem }),
  ];
  const world = createWorld({ policy });
  world.signer.keyOf = (keyId) => (keyId === newer.keyId ? foreign : registered).privateKey;
  world.credentialStore.states.set(clientId, stateOf([older, "retiring"], [newer, "active"]));
  await world.credentials.reload();
  return world;
}

describe("an answer of Entra", () => {
  for (const [name, numbers] of Object.entries(numbersByClass)) {
    const { status, error, signatures, posts, certificateChanges } = rows[name as EntraErrorClass];
    for (const number of numbers) {
      test(`AADSTS${number} is ${name}: ${status} ${error}, ${signatures} signed, certificate changes: ${certificateChanges}`, async () => {
        const world = await rotated();
        world.tokenEndpoint.always = rejection([number], { status: 401, error: "invalid_client" });
        const answer = await answerOf(tokenHandler(world.context), bearerRequest());
        assert.deepEqual([answer.status, answer.body.error], [status, error]);
        assert.deepEqual(counts(world), { signatures, posts, intents: signatures });

        const once = await rotated();
        once.tokenEndpoint.next.push(rejection([number], { status: 401, error: "invalid_client" }));
        await answerOf(tokenHandler(once.context), bearerRequest());
        const state = namesOf(once.credentialStore.states.get(clientId) ?? []);
        const isChanged = once.events.some(({ event }) => event === "credential_fallback");
        assert.equal(isChanged, certificateChanges);
        const kept = ["older retiring", "newer active"];
        assert[certificateChanges ? "notDeepEqual" : "deepEqual"](state, kept);
      });
    }
  }

  test("that does not know the principal for a moment after consent costs the caller nothing", async () => {
    const world = await rotated();
    world.tokenEndpoint.next.push(rejection([7000229], { status: 401, error: "invalid_client" }));
    assert.equal((await answerOf(tokenHandler(world.context), bearerRequest())).status, 200);
    assert.deepEqual(counts(world), { signatures: 1, posts: 2, intents: 1 });
    assert.equal(new Set(world.tokenEndpoint.calls.map(({ clientAssertion }) => clientAssertion)).size, 1);
  });

  test("with an unknown number and invalid_client is not treated as a fault of the certificate", async () => {
    const world = await rotated();
    world.tokenEndpoint.always = rejection([7999999], { status: 401, error: "invalid_client" });
    assert.equal((await answerOf(tokenHandler(world.context), bearerRequest())).status, 502);
    assert.equal(counts(world).signatures, 1);
    assert.deepEqual(namesOf(world.credentialStore.states.get(clientId) ?? []), ["older retiring", "newer active"]);
  });
});
