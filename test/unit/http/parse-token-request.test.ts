/** Untrusted requests, each with one thing broken, and random ones. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TokenRequest } from "../../../src/domain/issuing/issue-token.ts";
import type { RequestRefusal } from "../../../src/domain/issuing/refusal.ts";
import { parseAssertionRequest, parseTokenRequest } from "../../../src/http/parse-token-request.ts";
import { maxBodyBytes } from "../../../src/http/read-parameters.ts";
import { callerTokens } from "../../support/fakes/caller-verifier.ts";
import {
  type Fields,
  formRequest,
  formType,
  jsonRequest,
  presentations,
  question,
  type RequestOptions,
  tokenExchange,
} from "../../support/fixtures/http.ts";
import * as ids from "../../support/fixtures/ids.ts";

const token = callerTokens.billing;
const bearer = { authorization: `Bearer ${token}` };
const valid = { tenantId: ids.contosoId, clientId: ids.clientId, scope: ids.graphScope, callerToken: token };
const formats = { form: formRequest, JSON: jsonRequest };

describe("a valid token request", () => {
  for (const [format, make] of Object.entries(formats)) {
    for (const [name, present] of Object.entries(presentations)) {
      test(`is read from ${format} with the caller's token as ${name}`, async () => {
        const parsed = await parseTokenRequest(make(present(token)));
        assert.deepEqual(parsed, { ok: true, value: { ...valid, isTokenExchange: name === "subject_token" } });
      });
    }
  }

  const variants: Record<string, RequestOptions> = {
    "a charset in the content type": { contentType: `${formType}; charset=utf-8` },
    "a content type in capitals": { contentType: formType.toUpperCase() },
    "a lower-case bearer scheme": { headers: { authorization: `bearer ${token}` } },
    "GUIDs in capitals": {
      tenantId: ids.contosoId.toUpperCase(),
      fields: question({ client_id: ids.clientId.toUpperCase() }),
    },
    "parameters that mean nothing to us (RFC 6749 §3.2)": {
      fields: question({ client_info: "1", "x-client-SKU": "msal" }),
    },
    "parameters without a value, which count as omitted": {
      fields: question({ resource: "", client_secret: "", claims: "" }),
    },
    "claims that announce capabilities only": {
      fields: question({ claims: '{"access_token":{"xms_cc":{"values":["CP1"]}}}' }),
    },
    "capabilities in any spelling, beside wishes for an ID token": {
      fields: question({ claims: '{"id_token":{"x":null},"access_token":{"XMS_CC":{"values":["CP1"]}}}' }),
    },
    "claims without members": { fields: question({ claims: '{"access_token":null}' }) },
    "a Cache-Control header that allows the cache": {
      headers: { ...bearer, "cache-control": "no-transform, max-age=0" },
    },
    "the one requested_token_type": {
      fields: question({ requested_token_type: "urn:ietf:params:oauth:token-type:access_token" }),
    },
    "a query that means nothing to us": { query: "?code=1" },
    ...Object.fromEntries(
      [
        `openid profile offline_access ${ids.graphScope}`,
        `${ids.graphScope} openid profile offline_access`,
        `offline_access ${ids.graphScope} openid`,
        ` ${ids.graphScope}  profile `,
      ].map((scope) => [`the scope "${scope}"`, { fields: question({ scope }) }]),
    ),
  };
  for (const [name, options] of Object.entries(variants)) {
    test(`may have ${name}`, async () => {
      const parsed = await parseTokenRequest(formRequest({ headers: bearer, ...options }));
      assert.deepEqual(parsed, { ok: true, value: { ...valid, isTokenExchange: false } });
    });
  }

  const nbf = { nbf: { essential: true, value: "1780315200" } };
  const demands: Record<string, { options: RequestOptions; demand: TokenRequest["demand"] }> = {
    "a claims challenge": {
      options: { fields: question({ claims: JSON.stringify({ access_token: nbf }) }) },
      demand: { claims: JSON.stringify({ access_token: nbf }) },
    },
    "a challenge beside capabilities, which are left out": {
      options: {
        fields: question({
          claims: JSON.stringify({ access_token: { xms_cc: { values: ["cp1"] }, ...nbf }, id_token: {} }),
        }),
      },
      demand: { claims: JSON.stringify({ access_token: nbf }) },
    },
    "a member twice, of which the last counts": {
      options: {
        fields: question({ claims: '{"access_token":{"xms_cc":1},"access_token":{"a":1,"a":2,"xms_cc":1}}' }),
      },
      demand: { claims: '{"access_token":{"a":2}}' },
    },
    "a member named __proto__, which is one like any other": {
      options: { fields: question({ claims: '{"access_token":{"__proto__":{"xms_cc":1}}}' }) },
      demand: { claims: '{"access_token":{"__proto__":{"xms_cc":1}}}' },
    },
    "the header Cache-Control: no-cache": {
      options: { headers: { ...bearer, "cache-control": "max-age=0,No-Cache" } },
      demand: "no-cache",
    },
    "claims and no-cache, of which claims say more": {
      options: {
        headers: { ...bearer, "cache-control": "no-cache" },
        fields: question({ claims: JSON.stringify({ access_token: nbf }) }),
      },
      demand: { claims: JSON.stringify({ access_token: nbf }) },
    },
  };
  for (const [name, { options, demand }] of Object.entries(demands)) {
    test(`may ask for a new token with ${name}`, async () => {
      const parsed = await parseTokenRequest(formRequest({ headers: bearer, ...options }));
      assert.deepEqual(parsed, { ok: true, value: { ...valid, isTokenExchange: false, demand } });
    });
  }

  test("may present a subject token of type jwt", async () => {
    const { fields } = presentations.subject_token(token);
    const parsed = await parseTokenRequest(
      formRequest({ fields: { ...fields, subject_token_type: "urn:ietf:params:oauth:token-type:jwt" } }),
    );
    assert.ok(parsed.ok);
  });

  test("may have more than one space after the scheme (RFC 9110 §11.4)", async () => {
    assert.ok((await parseTokenRequest(formRequest({ headers: { authorization: `Bearer  ${token}` } }))).ok);
  });
});

const without = (name: string): Fields =>
  Object.fromEntries(Object.entries(question()).filter(([key]) => key !== name));
const asAssertion = presentations.client_assertion(token).fields;
const asSubject = presentations.subject_token(token).fields;
const missing = (parameter: string) => ({ reason: "parameter_missing" as const, parameter });
const large = "x".repeat(maxBodyBytes);

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
    refusal: { reason: "parameter_invalid", parameter: "client_id" },
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
  "a client secret": {
    options: { fields: question({ client_secret: "x" }) },
    refusal: { reason: "parameter_not_supported", parameter: "client_secret" },
  },
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
    refusal: { reason: "parameter_not_supported", parameter: "actor_token" },
  },
  "an actor token type": {
    options: { fields: question({ actor_token_type: "x" }) },
    refusal: { reason: "parameter_not_supported", parameter: "actor_token_type" },
  },
  "a refresh token as requested type": {
    options: { fields: question({ requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }) },
    refusal: { reason: "parameter_invalid", parameter: "requested_token_type" },
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
        refusal: { reason: "parameter_invalid" as const, parameter: "claims" },
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
    refusal: { reason: "parameter_invalid", parameter: "grant_type" },
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

  test("a body whose bytes are too many though its characters are not", async () => {
    const body = `other=${"é".repeat(maxBodyBytes / 2)}&${new URLSearchParams(question())}`;
    assert.ok(body.length < maxBodyBytes);
    const parsed = await parseTokenRequest(formRequest({ headers: bearer, body }));
    assert.ok(!parsed.ok && parsed.refusal.reason === "body_too_large");
  });
});

describe("an assertion request", () => {
  const fields = { client_id: ids.clientId };
  const expected = { ok: true, value: { tenantId: ids.contosoId, clientId: ids.clientId, callerToken: token } };

  test("needs neither grant_type nor scope", async () => {
    assert.deepEqual(await parseAssertionRequest(formRequest({ headers: bearer, fields })), expected);
    assert.deepEqual(await parseAssertionRequest(jsonRequest({ headers: bearer, fields })), expected);
  });

  const wrong: Record<string, { options: RequestOptions; reason: RequestRefusal["reason"] }> = {
    "a scope": { options: { fields: { ...fields, scope: ids.graphScope } }, reason: "parameter_not_supported" },
    "no client_id": { options: { fields: {} }, reason: "parameter_missing" },
    "a claims challenge": {
      options: { fields: { ...fields, claims: '{"access_token":{"nbf":{"essential":true}}}' } },
      reason: "parameter_not_supported",
    },
    "claims that are no JSON": { options: { fields: { ...fields, claims: "{" } }, reason: "parameter_invalid" },
    "no caller token": { options: { headers: {} }, reason: "caller_token_missing" },
    "a tenant that is no GUID": { options: { tenantId: "common" }, reason: "tenant_not_a_guid" },
    "a resource": { options: { fields: { ...fields, resource: "x" } }, reason: "target_not_supported" },
  };
  test("is told of what it must leave out, and why", async () => {
    const remedyOf = async (more: Record<string, string>) => {
      const parsed = await parseAssertionRequest(formRequest({ headers: bearer, fields: { ...fields, ...more } }));
      return !parsed.ok && parsed.refusal;
    };
    assert.deepEqual(await remedyOf({ scope: ids.graphScope }), {
      reason: "parameter_not_supported",
      parameter: "scope",
      remedy: "leave it out: an assertion cannot be bound to a scope",
    });
    assert.deepEqual(await remedyOf({ claims: '{"access_token":{"nbf":{"essential":true}}}' }), {
      reason: "parameter_not_supported",
      parameter: "claims",
      remedy: "leave it out: an assertion is no access token",
    });
  });

  for (const [name, { options, reason }] of Object.entries(wrong)) {
    test(`is refused for ${name}`, async () => {
      const parsed = await parseAssertionRequest(formRequest({ headers: bearer, fields, ...options }));
      assert.equal(parsed.ok ? "ok" : parsed.refusal.reason, reason);
    });
  }
});

test("claims are read up to 4096 characters", async () => {
  const ofLength = (length: number) => {
    const [start, end] = ['{"access_token":{"x":"', '"}}'];
    return `${start}${"y".repeat(length - start.length - end.length)}${end}`;
  };
  const isRead = async (claims: string) =>
    (await parseTokenRequest(formRequest({ headers: bearer, fields: question({ claims }) }))).ok;
  assert.deepEqual([await isRead(ofLength(4_096)), await isRead(ofLength(4_097))], [true, false]);
});
