/**
 * The parser on random requests: it never throws, returns only what satisfies the grammar, and never echoes its input.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import functions, { type HttpRequest } from "@azure/functions";
import fc from "fast-check";
import { refusalResponse } from "../../../src/http/oauth-response.ts";
import { parseAssertionRequest, parseTokenRequest } from "../../../src/http/parse-token-request.ts";
import { parameterNames } from "../../../src/http/read-parameters.ts";
import { parseClaims } from "../../../src/http/requested-claims.ts";
import { formType, origin, question, tokenExchange } from "../../support/fixtures/http.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { holds } from "../../support/fixtures/property.ts";

const guidGrammar = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const scopeGrammar = /^[\x21\x23-\x5b\x5d-\x7e]+\/\.default$/;
const correlation = { correlationId: "c", nowMs: 0 };
/** Not to be seen again in any answer. */
const canary = "CANARYcanary";

const anyText = fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 60 }));
const words = fc.constantFrom(
  "client_credentials",
  tokenExchange,
  ids.clientId,
  ids.graphScope,
  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  "urn:ietf:params:oauth:token-type:access_token",
  '{"access_token":{"xms_cc":{}}}',
  "eyJ.token.x",
  "",
);
const value = fc.oneof(
  words,
  anyText,
  anyText.map((text) => `${canary}${text}`),
);
const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...parameterNames) }, { weight: 1, arbitrary: anyText });
const pairs = fc.array(fc.tuple(name, value), { maxLength: 12 });
const contentType = fc.constantFrom(
  formType,
  "application/json",
  `${formType};charset=x`,
  "text/plain",
  "",
  ";",
  canary,
);
const header = fc.stringMatching(/^[\x21-\x7e][\x20-\x7e]{0,40}$/);

interface Sent {
  tenantId: string;
  contentType: string;
  body: string;
  authorization: string | undefined;
  query: string;
}

const body = fc.oneof(
  anyText,
  pairs.map((fields) => new URLSearchParams(fields).toString()),
  pairs.map((fields) => JSON.stringify(Object.fromEntries(fields))),
  fc.json(),
  fc.dictionary(name, fc.jsonValue()).map((object) => JSON.stringify(object)),
);
const sent: fc.Arbitrary<Sent> = fc.record({
  tenantId: fc.oneof(fc.constant(ids.contosoId as string), anyText),
  contentType,
  body,
  authorization: fc.option(
    fc.oneof(
      header,
      header.map((text) => `Bearer ${text}`),
    ),
    { nil: undefined },
  ),
  query: fc.oneof(
    fc.constant(""),
    pairs.map((fields) => `?${new URLSearchParams(fields)}`),
  ),
});

function requestOf({ tenantId, contentType: type, body: text, authorization, query }: Sent): HttpRequest {
  return new functions.HttpRequest({
    method: "POST",
    url: `${origin}/t/oauth2/v2.0/token${query}`,
    params: { tenantId },
    headers: { ...(type ? { "content-type": type } : {}), ...(authorization ? { authorization } : {}) },
    body: { string: text },
  });
}

function assertTyped(parsed: Record<string, unknown>): void {
  assert.match(String(parsed.tenantId), guidGrammar);
  assert.match(String(parsed.clientId), guidGrammar);
  assert.ok(typeof parsed.callerToken === "string" && parsed.callerToken.length > 0);
}

describe("for any request", () => {
  test("the token parser returns a request that satisfies its grammar, or a refusal", async (t) => {
    const property = fc.asyncProperty(sent, async (request) => {
      const parsed = await parseTokenRequest(requestOf(request));
      if (!parsed.ok) return assert.equal(typeof parsed.refusal.reason, "string");
      assertTyped({ ...parsed.value });
      assert.match(parsed.value.scope, scopeGrammar);
    });
    await holds(t, property, 2000);
  });

  test("the assertion parser returns a request that satisfies its grammar, or a refusal", async (t) => {
    const property = fc.asyncProperty(sent, async (request) => {
      const parsed = await parseAssertionRequest(requestOf(request));
      if (parsed.ok) assertTyped({ ...parsed.value });
    });
    await holds(t, property, 1000);
  });

  test("a nearly valid request with any fields replaced is parsed or refused, in form and JSON alike", async (t) => {
    let parsedCount = 0;
    const property = fc.asyncProperty(fc.dictionary(fc.constantFrom(...parameterNames), value), async (changes) => {
      const fields = { ...question(), ...changes };
      const base = { tenantId: ids.contosoId, authorization: "Bearer x", query: "" };
      const form = { ...base, contentType: formType, body: new URLSearchParams(fields).toString() };
      const json = { ...base, contentType: "application/json", body: JSON.stringify(fields) };
      const results = [await parseTokenRequest(requestOf(form)), await parseTokenRequest(requestOf(json))] as const;
      assert.deepEqual(results[0], results[1]);
      if (results[0].ok) parsedCount += 1;
    });
    await holds(t, property, 1000);
    assert.ok(parsedCount > 10, "some were valid");
  });

  test("no refusal echoes what the caller sent", async (t) => {
    const marked = fc.dictionary(
      fc.constantFrom(...parameterNames),
      anyText.map((text) => `${canary}${text}`),
    );
    const place = fc.constantFrom("body", "tenant", "query", "authorization", "contentType");
    const property = fc.asyncProperty(marked, place, async (changes, where) => {
      const request: Sent = {
        tenantId: where === "tenant" ? canary : ids.contosoId,
        contentType: where === "contentType" ? canary : "application/json",
        body: JSON.stringify({ ...question(), ...changes, [canary]: canary }),
        authorization: where === "authorization" ? `${canary} ${canary}` : "Bearer x",
        query: where === "query" ? `?scope=${canary}&${canary}=1` : "",
      };
      for (const parsed of [
        await parseTokenRequest(requestOf(request)),
        await parseAssertionRequest(requestOf(request)),
      ]) {
        if (parsed.ok) continue;
        const text = JSON.stringify([parsed.refusal, refusalResponse(parsed.refusal, correlation)]);
        assert.ok(!text.includes(canary), text);
      }
    });
    await holds(t, property, 500);
  });
});

test("of any claims, only a JSON object for the access token is passed on, and never with xms_cc", async (t) => {
  const claimName = fc.oneof(fc.constantFrom("xms_cc", "XMS_CC", "xms_Cc", "nbf", "__proto__"), fc.string());
  const accessToken = fc.oneof(fc.dictionary(claimName, fc.jsonValue()), fc.jsonValue());
  const claims = fc.record({ access_token: accessToken, id_token: fc.jsonValue() }, { requiredKeys: [] });
  const property = fc.property(claims, (asked) => {
    const parsed = parseClaims(JSON.stringify(asked));
    if (!parsed.ok || parsed.value === undefined) return;
    const passedOn = JSON.parse(parsed.value) as { access_token: Record<string, unknown> };
    const isKept = ([name]: [string, unknown]) => name.toLowerCase() !== "xms_cc";
    assert.deepEqual(Object.keys(passedOn), ["access_token"]);
    assert.deepEqual(Object.entries(passedOn.access_token), Object.entries(jsonOf(asked.access_token)).filter(isKept));
    assert.ok(Object.keys(passedOn.access_token).length > 0);
  });
  await holds(t, property, 1000);
});

function jsonOf(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}
