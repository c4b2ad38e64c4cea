/** Untrusted requests, each with one thing broken. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RequestRefusal } from "../../../src/domain/issuing/refusal.ts";
import { parseTokenRequest } from "../../../src/http/parse-token-request.ts";
import { maxBodyBytes } from "../../../src/http/read-parameters.ts";
import { callerTokens } from "../../support/fakes/caller-verifier.ts";
import {
  type Fields,
  formRequest,
  jsonRequest,
  presentations,
  question,
  type RequestOptions,
  tokenExchange,
} from "../../support/fixtures/http.ts";
import * as ids from "../../support/fixtures/ids.ts";

const token = callerTokens.billing;
const bearer = { authorization: `Bearer ${token}` };
const formats = { form: formRequest, JSON: jsonRequest };

const without = (name: string): Fields =>
  Object.fromEntries(Object.entries(question()).filter(([key]) => key !== name));
const asAssertion = presentations.client_assertion(token).fields;
const asSubject = presentations.subject_token(token).fields;
const missing = (parameter: string) => ({ reason: "parameter_missing" as const, parameter });
const large = "x".repeat(maxBodyBytes);
const claimsRule =
  "a JSON object of at most 4096 characters with the members access_token and id_token only; the claims of a WWW-Authenticate header must be decoded from base64 first";

const broken: Record<string, { options: RequestOptions; refusal: Partial<RequestRefusal> }> = {
  "a tenant by domain name": { options: { tenantId: "contoso.com" }, refusal: { reason: "tenant_not_a_guid" } },
  "the tenant common": { options: { tenantId: "common" }, refusal: { reason: "tenant_not_a_guid" } },
  "a tenant with braces": { options: { tenantId: `{${ids.contosoId}}` }, refusal: { reason: "tenant_not_a_guid" } },
  "no content type": { options: { contentType: "" }, refusal: { reason: "content_type_not_supported" } },
  "text/plain": { options: { contentType: "text/plain" }, refusal: { reason: "content_type_not_supported" } },
  multipart: {
    options: { contentType: "multipart/form-data; boundary=x" },
    refusal: { reason: "content_type_not_supported" },
  },
  "a body that is too large": {
    options: { fields: question({ other: large }) },
    refusal: { reason: "body_too_large", maxBytes: maxBodyBytes },
  },
  "a length that is too large": {
    options: { headers: { ...bearer, "content-length": "65537" } },
    refusal: { reason: "body_too_large", maxBytes: maxBodyBytes },
  },
  "no grant_type": { options: { fields: without("grant_type") }, refusal: missing("grant_type") },
  "grant_type password": {
    options: { fields: question({ grant_type: "password" }) },
    refusal: { reason: "grant_type_not_supported" },
  },
  "no client_id": { options: { fields: without("client_id") }, refusal: missing("client_id") },
  "a client_id that is a name": {
    options: { fields: question({ client_id: "broker" }) },
    refusal: {
      reason: "parameter_invalid",
      parameter: "client_id",
      rule: "the GUID of the application to act as",
    },
  },
  "no scope": { options: { fields: without("scope") }, refusal: missing("scope") },
  "a scope that is not .default": {
    options: { fields: question({ scope: "https://graph.microsoft.com/User.Read" }) },
    refusal: { reason: "scope_not_default" },
  },
  "two scopes": {
    options: { fields: question({ scope: `${ids.graphScope} ${ids.vaultScope}` }) },
    refusal: { reason: "scope_not_default" },
  },
  "openid alone": {
    options: { fields: question({ scope: "openid profile offline_access" }) },
    refusal: { reason: "scope_not_default" },
  },
  "two resources beside openid": {
    options: { fields: question({ scope: `openid ${ids.graphScope} ${ids.storageScope}` }) },
    refusal: { reason: "scope_not_default" },
  },
  "another word of OpenID Connect": {
    options: { fields: question({ scope: `email ${ids.graphScope}` }) },
    refusal: { reason: "scope_not_default" },
  },
  "openid in capitals, which is another word": {
    options: { fields: question({ scope: `OPENID ${ids.graphScope}` }) },
    refusal: { reason: "scope_not_default" },
  },
  "a repeated scope": {
    options: { body: `${new URLSearchParams(question())}&scope=x` },
    refusal: { reason: "parameter_repeated", parameter: "scope" },
  },
  "a repeated empty client_secret": {
    options: { body: `${new URLSearchParams(question())}&client_secret=&client_secret=` },
    refusal: { reason: "parameter_repeated", parameter: "client_secret" },
  },
  "a parameter in the query": {
    options: { query: "?scope=x" },
    refusal: { reason: "parameter_in_query", parameter: "scope" },
  },
  "a resource": {
    options: { fields: question({ resource: "https://graph.microsoft.com" }) },
    refusal: { reason: "target_not_supported", parameter: "resource" },
  },
  "an audience": {
    options: { fields: question({ audience: "x" }) },
    refusal: { reason: "target_not_supported", parameter: "audience" },
  },
  ...Object.fromEntries(
    ["x", "x8Q~a.b.c", "a.b.c~x8Q"].map((client_secret) => [
      `the client secret ${client_secret}`,
      {
        options: { fields: question({ client_secret }) },
        refusal: {
          reason: "parameter_not_supported" as const,
          parameter: "client_secret",
          remedy: "callers prove themselves with their own Entra token; rotate that secret",
        },
      },
    ]),
  ),
  ...Object.fromEntries(
    ["administrator", "my-runtime"].map((tenantId) => [
      `the name ${tenantId}, which is no path of the platform's`,
      { options: { tenantId }, refusal: { reason: "tenant_not_a_guid" } as const },
    ]),
  ),
  "a body that was sent chunked and did not arrive": {
    options: { headers: { ...bearer, "transfer-encoding": "chunked" }, body: "" },
    refusal: { reason: "body_without_length" },
  },
  ...Object.fromEntries(
    ["admin", "ADMIN", "Runtime", " admin"].map((tenantId) => [
      `the platform's own path ${tenantId}`,
      { options: { tenantId }, refusal: { reason: "path_reserved" } as const },
    ]),
  ),
  "a caller's token as client_secret, with where it belongs": {
    options: { fields: question({ client_secret: "eyJh.eyJi.c2ln" }) },
    refusal: {
      reason: "parameter_not_supported",
      parameter: "client_secret",
      remedy: "it holds a token, which belongs in client_assertion or in Authorization: Bearer",
    },
  },
  "an actor token": {
    options: { fields: question({ actor_token: "x" }) },
    refusal: {
      reason: "parameter_not_supported",
      parameter: "actor_token",
      remedy: "leave it out: there is no delegation",
    },
  },
  "an actor token type": {
    options: { fields: question({ actor_token_type: "x" }) },
    refusal: { reason: "parameter_not_supported", parameter: "actor_token_type" },
  },
  "a refresh token as requested type": {
    options: { fields: question({ requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }) },
    refusal: {
      reason: "parameter_invalid",
      parameter: "requested_token_type",
      rule: "urn:ietf:params:oauth:token-type:access_token",
    },
  },
  ...Object.fromEntries(
    [
      "{",
      "null",
      "[]",
      '"text"',
      "eyJhY2Nlc3NfdG9rZW4iOnt9fQ==",
      '{"access_token":[]}',
      '{"access_token":"x"}',
      '{"userinfo":{"x":null}}',
      JSON.stringify({ access_token: { x: "y".repeat(4_096) } }),
    ].map((claims) => [
      `the claims ${claims.slice(0, 30)}`,
      {
        options: { fields: question({ claims }) },
        refusal: { reason: "parameter_invalid" as const, parameter: "claims", rule: claimsRule },
      },
    ]),
  ),
  "no caller token": { options: { headers: {} }, refusal: { reason: "caller_token_missing" } },
  "Basic authentication": {
    options: { headers: { authorization: "Basic eDp5" } },
    refusal: {
      reason: "parameter_not_supported",
      parameter: "Authorization header",
      remedy: "send Authorization: Bearer with the caller's own Entra token",
    },
  },
  "a scheme without token": {
    options: { headers: { authorization: "Bearer" } },
    refusal: { reason: "parameter_not_supported" },
  },
  "two tokens in one header": {
    options: { headers: { authorization: `Bearer ${token}, Bearer ${token}` } },
    refusal: { reason: "parameter_not_supported" },
  },
  "a token in header and body": {
    options: { fields: asAssertion },
    refusal: { reason: "caller_token_ambiguous", presented: ["authorization", "client_assertion"] },
  },
  "a token in two parameters": {
    options: { headers: {}, fields: { ...asAssertion, ...asSubject } },
    refusal: { reason: "caller_token_ambiguous", presented: ["client_assertion", "subject_token"] },
  },
  "no client_assertion_type": {
    options: { headers: {}, fields: { ...asAssertion, client_assertion_type: "" } },
    refusal: {
      reason: "parameter_invalid",
      parameter: "client_assertion_type",
      rule: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    },
  },
  "a SAML client_assertion_type": {
    options: {
      headers: {},
      fields: { ...asAssertion, client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer" },
    },
    refusal: { reason: "parameter_invalid", parameter: "client_assertion_type" },
  },
  "an ID token as subject": {
    options: { headers: {}, fields: { ...asSubject, subject_token_type: "urn:ietf:params:oauth:token-type:id_token" } },
    refusal: { reason: "parameter_invalid", parameter: "subject_token_type" },
  },
  "no subject_token_type": {
    options: { headers: {}, fields: { ...asSubject, subject_token_type: "" } },
    refusal: {
      reason: "parameter_invalid",
      parameter: "subject_token_type",
      rule: "urn:ietf:params:oauth:token-type:access_token or urn:ietf:params:oauth:token-type:jwt",
    },
  },
  "a token exchange without subject_token": {
    options: { fields: question({ grant_type: tokenExchange }) },
    refusal: missing("subject_token"),
  },
  "a subject_token without token exchange": {
    options: { headers: {}, fields: { ...asSubject, grant_type: "client_credentials" } },
    refusal: {
      reason: "parameter_invalid",
      parameter: "grant_type",
      rule: "urn:ietf:params:oauth:grant-type:token-exchange with subject_token",
    },
  },
};

describe("a token request is refused for", () => {
  for (const [name, { options, refusal }] of Object.entries(broken)) {
    const contentTypes = options.contentType === undefined && options.body === undefined;
    for (const [format, make] of contentTypes ? Object.entries(formats) : [["form", formRequest] as const]) {
      test(`${name} (${format})`, async () => {
        const parsed = await parseTokenRequest(make({ headers: bearer, ...options }));
        assert.ok(!parsed.ok);
        assert.partialDeepStrictEqual(parsed.refusal, refusal);
      });
    }
  }

  for (const body of ["", "{", "null", "[]", '"text"', "1", "{}{}"]) {
    test(`the JSON body ${JSON.stringify(body)}`, async () => {
      const parsed = await parseTokenRequest(jsonRequest({ headers: bearer, body }));
      assert.deepEqual(parsed, { ok: false, refusal: { reason: "body_not_readable" } });
    });
  }

  for (const value of [1, true, ["x"], { x: 1 }]) {
    test(`a JSON member that is ${JSON.stringify(value)}`, async () => {
      const body = JSON.stringify({ ...question(), scope: value });
      const parsed = await parseTokenRequest(jsonRequest({ headers: bearer, body }));
      assert.deepEqual(parsed, {
        ok: false,
        refusal: { reason: "parameter_invalid", parameter: "scope", rule: "a string" },
      });
    });
  }

  test("a length that is too large, without reading its body", async () => {
    const headers = { ...bearer, "content-length": String(maxBodyBytes + 1) };
    const request = formRequest({ headers });
    assert.ok(!(await parseTokenRequest(request)).ok);
    assert.equal(request.bodyUsed, false);
  });

  test("a body with too many bytes, even if not too many characters", async () => {
    const body = `other=${"é".repeat(maxBodyBytes / 2)}&${new URLSearchParams(question())}`;
    assert.ok(body.length < maxBodyBytes);
    const parsed = await parseTokenRequest(formRequest({ headers: bearer, body }));
    assert.ok(!parsed.ok && parsed.refusal.reason === "body_too_large");
  });
});
