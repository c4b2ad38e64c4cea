import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clouds } from "../../../src/domain/shared/cloud.ts";
import { discoveryHandler } from "../../../src/http/discovery-handler.ts";
import { answerOf, formRequest, origin } from "../../support/fixtures/http.ts";
import * as ids from "../../support/fixtures/ids.ts";

const handler = discoveryHandler({ publicUrl: origin, cloud: clouds.public, clock: () => 0 });
const documentOf = (tenantId: string) => answerOf(handler, formRequest({ tenantId }));

describe("the discovery document", () => {
  test("has what OpenID Connect Discovery §3 requires, with ourselves as token endpoint", async () => {
    const { status, headers, body } = await documentOf(ids.contosoId);
    assert.equal(status, 200);
    assert.equal(headers["cache-control"], "public, max-age=3600");
    for (const name of [
      "issuer",
      "authorization_endpoint",
      "token_endpoint",
      "jwks_uri",
      "response_types_supported",
      "subject_types_supported",
      "id_token_signing_alg_values_supported",
    ]) {
      assert.ok(body[name], name);
    }
    assert.equal(body.token_endpoint, `${origin}/${ids.contosoId}/oauth2/v2.0/token`);
  });

  test("lists exactly the grants that the token endpoint accepts", async () => {
    const { body } = await documentOf(ids.contosoId);
    const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert.deepEqual(body.grant_types_supported, ["client_credentials", exchange]);
  });

  test("lists what SDKs look for: a signed assertion by RS256, and no login", async () => {
    const { body } = await documentOf(ids.contosoId);
    assert.deepEqual(body.token_endpoint_auth_methods_supported, ["private_key_jwt"]);
    assert.deepEqual(body.token_endpoint_auth_signing_alg_values_supported, ["RS256"]);
    assert.deepEqual(body.response_types_supported, ["token"]);
    assert.deepEqual(body.subject_types_supported, ["pairwise"]);
    assert.deepEqual(body.id_token_signing_alg_values_supported, ["RS256"]);
  });

  test("does not exist under the platform's own paths", async () => {
    const { status, body } = await documentOf("admin");
    assert.deepEqual([status, body.error_description], [404, "Keyhold: there is no such tenant"]);
  });

  test("does not reveal whose customer a tenant is: it is the same for any tenant, except for the GUID", async () => {
    const known = JSON.stringify(await documentOf(ids.contosoId));
    const unknown = JSON.stringify(await documentOf(ids.unknownTenantId));
    assert.equal(known.replaceAll(ids.contosoId, ""), unknown.replaceAll(ids.unknownTenantId, ""));
  });

  test("is refused for a tenant that is not a GUID, and that answer must not be stored", async () => {
    const { status, headers, body } = await documentOf("common");
    assert.deepEqual([status, headers["cache-control"], body.error], [400, "no-store", "invalid_request"]);
  });
});
