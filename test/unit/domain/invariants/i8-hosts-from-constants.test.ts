/** Invariant I8 (SECURITY.md): hosts and paths come from constants and validated GUIDs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { discoveryHandler } from "../../../../src/http/discovery-handler.ts";
import { tokenHandler } from "../../../../src/http/issuing-handlers.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { decodeAssertion } from "../../../support/fixtures/assertion.ts";
import { answerOf, formRequest, origin, question } from "../../../support/fixtures/http.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { keyId } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";
import { createWorld } from "../../../support/fixtures/world.ts";

describe("I8 hosts and paths come from constants and validated GUIDs", () => {
  const hostile = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.constantFrom(
      "common",
      "organizations",
      "..",
      "../../evil",
      "%2e%2e%2f",
      "evil.example",
      "evil.example/",
      "https://evil.example",
      `${ids.contosoId}/../x`,
      `${ids.contosoId}@evil.example`,
      `${ids.contosoId}\r\nHost: evil.example`,
      `{${ids.contosoId}}`,
      ids.contosoId.toUpperCase(),
      ids.contosoId,
    ),
  );
  const token = fc.stringMatching(/^[\x21-\x7e]{1,40}$/);

  test("I8 for any path, body and headers, the URLs used have Entra's host and the policy's tenant and key", async (t) => {
    const sent = fc.record({ tenantId: hostile, scope: hostile, client: hostile, host: token, extra: token });
    const allowed = new Set([ids.contosoId, ids.fabrikamId]);
    let issued = 0;
    const property = fc.asyncProperty(sent, async ({ tenantId, scope, client, host, extra }) => {
      const world = createWorld();
      const headers = { host, "x-forwarded-host": host, "x-original-url": extra, forwarded: `host=${extra}` };
      const fields = question({ authority: extra, token_endpoint: extra, redirect_uri: extra });
      for (const changed of [{}, { scope }, { client_id: client }]) {
        const asked = { tenantId, headers: { ...headers, authorization: `Bearer ${callerTokens.exporter}` } };
        const request = formRequest({ ...asked, fields: { ...fields, ...changed } });
        const { status } = await answerOf(tokenHandler(world.context), request);
        if (status === 200) issued += 1;
        else assert.ok(status >= 400 && status < 500, `${status}`);
      }
      for (const call of world.signer.calls) assert.equal(call.keyId, keyId);
      for (const call of world.tokenEndpoint.calls) {
        assert.ok(allowed.has(call.tenantId));
        const { aud } = decodeAssertion(call.clientAssertion).claims;
        assert.equal(aud, `https://login.microsoftonline.com/${call.tenantId}/oauth2/v2.0/token`);
      }
    });
    await holds(t, property, 300);
    assert.ok(issued > 0, "some requests were valid");
  });

  test("I8 discovery names our configured address, for any Host and tenant", async (t) => {
    const world = createWorld();
    const { cloud } = world.context;
    const handler = discoveryHandler({ publicUrl: origin, cloud, clock: world.clock.now });
    const property = fc.asyncProperty(hostile, token, async (tenantId, host) => {
      const request = formRequest({ tenantId, headers: { host, "x-forwarded-host": host } });
      const { status, body } = await answerOf(handler, request);
      if (status === 400) return assert.equal(body.error, "invalid_request");
      const canonical = tenantId.toLowerCase();
      assert.deepEqual(
        [body.issuer, body.token_endpoint, body.authorization_endpoint, body.jwks_uri],
        [
          `${origin}/${canonical}/v2.0`,
          `${origin}/${canonical}/oauth2/v2.0/token`,
          `https://login.microsoftonline.com/${canonical}/oauth2/v2.0/authorize`,
          `https://login.microsoftonline.com/${canonical}/discovery/v2.0/keys`,
        ],
      );
      assert.match(canonical, /^[0-9a-f-]{36}$/);
    });
    await holds(t, property, 300);
  });
});
