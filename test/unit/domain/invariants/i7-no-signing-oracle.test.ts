/** Invariant I7 (SECURITY.md): one function builds what is signed, and no caller chooses a byte of it. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, createVerify, constants as crypto } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { issueAssertion } from "../../../../src/domain/issuing/issue-assertion.ts";
import { assertionHandler, tokenHandler } from "../../../../src/http/issuing-handlers.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { decodeAssertion } from "../../../support/fixtures/assertion.ts";
import { registered } from "../../../support/fixtures/certificates.ts";
import { answerOf, bearerRequest, formRequest, jsonRequest, question } from "../../../support/fixtures/http.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, assertionRequest, counts, none } from "../../../support/fixtures/issuing.ts";
import { keyId, named, validPolicy } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";
import { createWorld } from "../../../support/fixtures/world.ts";

describe("I7 one function builds what is signed, and no caller chooses a byte of it", () => {
  test("I7 header and claims are exactly what Entra documents, for the tenant", async () => {
    const world = createWorld();
    await accessToken(world);
    const assertion = world.tokenEndpoint.calls[0]?.clientAssertion ?? "";
    const { header, claims, signingInput, signature } = decodeAssertion(assertion);
    const now = startMs / 1000;
    const der = Buffer.from(registered.pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    assert.deepEqual(header, {
      alg: "PS256",
      typ: "JWT",
      "x5t#S256": createHash("sha256").update(der).digest("base64url"),
    });
    assert.match(String(claims.jti), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(claims, {
      aud: `https://login.microsoftonline.com/${ids.contosoId}/oauth2/v2.0/token`,
      iss: ids.clientId,
      sub: ids.clientId,
      jti: claims.jti,
      iat: now,
      nbf: now - 30,
      exp: now + 120,
    });
    const key = { key: createPublicKey(registered.pem), padding: crypto.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    assert.ok(createVerify("sha256").update(signingInput).verify(key, signature));
  });

  test("I7 every assertion has its own jti", async () => {
    const world = createWorld();
    const jtis = new Set<unknown>();
    for (let count = 0; count < 20; count += 1) {
      const issued = await issueAssertion(assertionRequest, world.context);
      jtis.add(issued.ok && decodeAssertion(issued.value.clientAssertion).claims.jti);
    }
    assert.equal(jtis.size, 20);
  });

  const forged = {
    aud: "https://evil.example/token",
    iss: "00000002-0000-0000-c000-000000000000",
    sub: "somebody-else",
    exp: "9999999999",
    jti: "chosen",
    assertion: "eyJhbGciOiJub25lIn0.e30.",
    payload: "e30",
    digest: "AAAA",
    value: "AAAA",
    alg: "none",
    key_id: "https://evil.vault.azure.net/keys/k/0",
    authority: "https://evil.example",
    tenant: ids.fabrikamId,
  };
  test("I7 claims, bytes and keys that a caller adds to a request are ignored", async () => {
    const world = createWorld();
    const asked = { client_id: ids.clientId, ...forged };
    for (const make of [formRequest, jsonRequest]) {
      const headers = { authorization: `Bearer ${callerTokens.exporter}` };
      const { status, body } = await answerOf(assertionHandler(world.context), make({ fields: asked, headers }));
      assert.equal(status, 200);
      const { claims } = decodeAssertion(String(body.client_assertion));
      assert.deepEqual(
        [claims.aud, claims.iss, claims.sub, claims.exp],
        [
          `https://login.microsoftonline.com/${ids.contosoId}/oauth2/v2.0/token`,
          ids.clientId,
          ids.clientId,
          startMs / 1000 + 120,
        ],
      );
      assert.deepEqual(Object.keys(claims).sort(), ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]);
      assert.equal(world.signer.calls.at(-1)?.keyId, keyId);
    }
  });

  const challenge = JSON.stringify({ access_token: { aud: { value: "https://evil.example" } } });
  test("I7 `claims` of OpenID Connect are sent beside the assertion, never in it", async () => {
    const world = createWorld();
    const fields = question({ claims: challenge });
    assert.equal((await answerOf(tokenHandler(world.context), bearerRequest({ fields }))).status, 200);
    const [call] = world.tokenEndpoint.calls;
    assert.equal(call?.claims, challenge);
    const { claims } = decodeAssertion(call?.clientAssertion ?? "");
    assert.deepEqual(Object.keys(claims).sort(), ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]);
    assert.equal(claims.aud, `https://login.microsoftonline.com/${ids.contosoId}/oauth2/v2.0/token`);
  });

  test("I7 `claims` of OpenID Connect are refused in a request for an assertion", async () => {
    const world = createWorld();
    const fields = { client_id: ids.clientId, claims: challenge };
    const request = bearerRequest({ token: callerTokens.exporter, fields });
    assert.equal((await answerOf(assertionHandler(world.context), request)).status, 400);
    assert.deepEqual(counts(world), none);
  });

  test("I7 for any tenant and client in the policy, aud is that tenant's endpoint and iss that client", async (t) => {
    const ask = fc.record({ tenantId: fc.uuid(), clientId: fc.uuid(), seconds: fc.nat(10_000_000) });
    const property = fc.asyncProperty(ask, async ({ tenantId, clientId, seconds }) => {
      const policy = validPolicy();
      named(policy.tenants, "contoso").tenantId = tenantId;
      named(policy.clients, "broker").clientId = clientId;
      const world = createWorld({ policy });
      world.clock.advanceSeconds(seconds);
      await accessToken(world, { tenantId: ids.guid(tenantId), clientId: ids.guid(clientId) });
      const { claims } = decodeAssertion(world.tokenEndpoint.calls[0]?.clientAssertion ?? "");
      const now = startMs / 1000 + seconds;
      assert.deepEqual(
        { ...claims, jti: "" },
        {
          aud: `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`,
          iss: clientId,
          sub: clientId,
          jti: "",
          iat: now,
          nbf: now - 30,
          exp: now + 120,
        },
      );
    });
    await holds(t, property, 50);
  });
});
