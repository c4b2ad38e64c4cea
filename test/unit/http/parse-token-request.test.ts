/** Untrusted requests, each with one thing broken, and random ones. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import functions, { type HttpRequest } from "@azure/functions";
import type { TokenRequest } from "../../../src/domain/issuing/issue-token.ts";
import type { RequestRefusal } from "../../../src/domain/issuing/refusal.ts";
import { parseAssertionRequest, parseTokenRequest } from "../../../src/http/parse-token-request.ts";
import { maxBodyBytes } from "../../../src/http/read-parameters.ts";
import { callerTokens } from "../../support/fakes/caller-verifier.ts";
import {
  formRequest,
  formType,
  jsonRequest,
  presentations,
  question,
  type RequestOptions,
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
    "a charset in the content type": { contentType: `${formType} ; charset=utf-8` },
    "a content type in capitals": { contentType: formType.toUpperCase() },
    "a lower-case bearer scheme": { headers: { authorization: `bearer ${token}` } },
    "GUIDs in capitals": {
      tenantId: ids.contosoId.toUpperCase(),
      fields: question({ client_id: ids.clientId.toUpperCase() }),
    },
    "parameters that mean nothing to us (RFC 6749 §3.2)": {
      fields: question({ client_info: "1", "x-client-SKU": "msal" }),
    },
    "a parameter that means nothing to us, twice": {
      body: `client_info=1&${new URLSearchParams(question())}&client_info=2`,
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
      options: { headers: { ...bearer, "cache-control": "max-age=0, No-Cache" } },
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

  test("may be as large as the limit allows", async () => {
    const fields = question({ other: "" });
    const other = "x".repeat(maxBodyBytes - new URLSearchParams(fields).toString().length);
    const headers = { ...bearer, "content-length": String(maxBodyBytes) };
    const parsed = await parseTokenRequest(formRequest({ headers, fields: { ...fields, other } }));
    assert.deepEqual(parsed, { ok: true, value: { ...valid, isTokenExchange: false } });
  });

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

describe("the bytes of a body", () => {
  /** A request whose body comes in pieces, as the library makes it where it streams. */
  function streamed(body: ReadableStream<Uint8Array>): HttpRequest {
    const headers = { ...bearer, "content-type": "application/json" };
    const init = { method: "POST", duplex: "half", headers, body };
    const nativeRequest = new Request("https://keyhold.example.com/", init);
    return new functions.HttpRequest({ nativeRequest, params: { tenantId: ids.contosoId } } as object);
  }
  const streamOf = (pieces: readonly Uint8Array[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of pieces) controller.enqueue(piece);
        controller.close();
      },
    });
  const bytes = Buffer.from(JSON.stringify({ ...question(), other: "é€😀" }));

  test("may arrive one by one, in the middle of a character", async () => {
    const parsed = await parseTokenRequest(streamed(streamOf([...bytes].map((byte) => Uint8Array.of(byte)))));
    assert.deepEqual(parsed, { ok: true, value: { ...valid, isTokenExchange: false } });
  });

  test("may begin with a byte order mark", async () => {
    const parsed = await parseTokenRequest(streamed(streamOf([Uint8Array.of(0xef, 0xbb, 0xbf), bytes])));
    assert.deepEqual(parsed, { ok: true, value: { ...valid, isTokenExchange: false } });
  });

  test("are not read to the end if there are too many", async () => {
    let read = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 1;
        controller.enqueue(new Uint8Array(maxBodyBytes / 4));
      },
    });
    const parsed = await parseTokenRequest(streamed(endless));
    assert.deepEqual(parsed, { ok: false, refusal: { reason: "body_too_large", maxBytes: maxBodyBytes } });
    assert.ok(read <= 8, `${read} pieces`);
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
  test("is refused with the parameter to leave out, and the reason", async () => {
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
