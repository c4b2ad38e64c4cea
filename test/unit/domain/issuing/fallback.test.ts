/** Entra rejects the certificate that signs now: which others are tried, and what is remembered of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { foreign, registered } from "../../../support/fixtures/certificates.ts";
import { namesOf, newer, newest, newestKey, older, stateOf } from "../../../support/fixtures/credentials.ts";
import { clientId, fabrikamId } from "../../../support/fixtures/ids.ts";
import { accessToken, faultOf } from "../../../support/fixtures/issuing.ts";
import { certificateDocument, named, validPolicy } from "../../../support/fixtures/policy.ts";
import { createWorld, type World } from "../../../support/fixtures/world.ts";

const keys = new Map([
  [older.keyId, registered],
  [newer.keyId, foreign],
  [newest.keyId, newestKey],
]);
const rejected = rejection([700027], { error: "invalid_client" });

/** `newer` signs, `older` did before and is tried next, `newest` is staged and is tried last. */
async function rotated() {
  const policy = validPolicy();
  const certificates = [...keys].map(([keyId, { pem }]) => certificateDocument({ keyId, certificate: pem }));
  named(policy.clients, "broker").certificates = certificates;
  const world = createWorld({ policy });
  world.signer.keyOf = (keyId) => (keys.get(keyId) ?? assert.fail(keyId)).privateKey;
  world.credentialStore.states.set(clientId, stateOf([older, "retiring"], [newer, "active"], [newest, "staged"]));
  await world.credentials.reload();
  return world;
}

/** The key versions that were asked to sign since the last call, by name. */
function signersOf({ signer }: World): string[] {
  const names = new Map([
    [older.keyId, "older"],
    [newer.keyId, "newer"],
    [newest.keyId, "newest"],
  ]);
  return signer.calls.splice(0).map(({ keyId }) => names.get(keyId) ?? keyId);
}

const stored = ({ credentialStore }: World) => namesOf(credentialStore.states.get(clientId) ?? []);

/** A request that no other one answers, from the cache or from a remembered failure. */
const another = { tenantId: fabrikamId, callerToken: callerTokens.exporter };

describe("a certificate that Entra rejects", () => {
  test("is replaced by the next one that Entra accepts, which is reported with Entra's numbers", async () => {
    const world = await rotated();
    world.tokenEndpoint.next.push(rejected);
    await accessToken(world);
    assert.deepEqual(signersOf(world), ["newer", "older"]);
    assert.deepEqual(stored(world), ["older active", "newer staged", "newest staged"]);
    assert.deepEqual(
      world.events.filter(({ event }) => event === "credential_fallback"),
      [
        {
          event: "credential_fallback",
          clientId,
          keyName: newer.keyName,
          keyVersion: newer.keyVersion,
          thumbprint: newer.thumbprint,
          to: older.thumbprint,
          codes: [700027],
        },
      ],
    );
  });

  test("is not tried in place of another one for ten minutes", async () => {
    const world = await rotated();
    world.tokenEndpoint.next.push(rejected);
    await accessToken(world);
    signersOf(world);
    world.tokenEndpoint.always = rejected;
    await assert.rejects(accessToken(world, another), faultOf("credential_rejected"));
    assert.deepEqual(signersOf(world), ["older", "newest"]);
  });

  test("is that of the fault if Entra rejects all, and the others are not tried again for ten minutes", async () => {
    const world = await rotated();
    world.tokenEndpoint.next.push(rejected, rejection([50013]), rejection([50013]));
    await assert.rejects(accessToken(world), { code: "credential_rejected", detail: { codes: [700027] } });
    assert.deepEqual(signersOf(world), ["newer", "older", "newest"]);
    assert.deepEqual(stored(world), ["older retiring", "newer active", "newest staged"]);
    world.tokenEndpoint.always = rejected;
    world.clock.set(startMs + 599_999);
    await assert.rejects(accessToken(world), faultOf("credential_rejected"));
    assert.deepEqual(signersOf(world), ["newer"]);
  });

  for (const [what, failure] of [
    ["Entra is down", new Fault("token_endpoint_unavailable")],
    ["Entra rejects the request", new Fault("token_endpoint_rejected", { codes: [50034] })],
    ["there is a bug", new TypeError("a bug")],
  ] as const) {
    test(`is not given up for a third one if ${what} while the second one is tried: that is the fault`, async () => {
      const world = await rotated();
      world.tokenEndpoint.next.push(rejected);
      const { requestToken } = world.tokenEndpoint;
      world.context.tokenEndpoint = {
        async requestToken(input) {
          if (world.signer.calls.length > 1) throw failure;
          return requestToken.call(world.tokenEndpoint, input);
        },
      };
      await assert.rejects(accessToken(world), (error) => error === failure);
      assert.deepEqual(signersOf(world), ["newer", "older"]);
    });
  }
});

describe("another certificate whose key version is disabled", () => {
  async function withDisabled() {
    const world = await rotated();
    const { sign } = world.signer;
    const disabled = new Set([older.keyId]);
    world.context.signer = {
      async sign(input) {
        const answer = await sign.call(world.signer, input);
        if (disabled.has(input.keyId)) throw new Fault("signer_key_disabled");
        return answer;
      },
    };
    world.tokenEndpoint.next.push(rejected);
    return { world, disabled };
  }

  test("is passed over: the one after it is tried", async () => {
    const { world } = await withDisabled();
    await accessToken(world);
    assert.deepEqual(signersOf(world), ["newer", "older", "newest"]);
    assert.deepEqual(stored(world), ["older retiring", "newer staged", "newest active"]);
  });

  test("was not rejected by Entra: it is tried again as soon as the vault signs with it", async () => {
    const { world, disabled } = await withDisabled();
    await accessToken(world);
    signersOf(world);
    disabled.clear();
    const client = world.policy.clients.get(clientId) ?? assert.fail();
    world.credentials.noteSigned(client, older, world.clock.now());
    world.tokenEndpoint.next.push(rejected);
    await accessToken(world, another);
    assert.deepEqual(signersOf(world), ["newest", "older"]);
  });
});
