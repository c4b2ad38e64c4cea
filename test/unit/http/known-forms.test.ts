/** A parser that remembers forms returns the same as one without memory, whatever it has seen before. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createKnownForms } from "../../../src/http/known-forms.ts";
import { parseTokenRequest } from "../../../src/http/parse-token-request.ts";
import { callerTokens } from "../../support/fakes/caller-verifier.ts";
import {
  bearerRequest,
  formRequest,
  formType,
  jsonRequest,
  presentations,
  question,
} from "../../support/fixtures/http.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { holds } from "../../support/fixtures/property.ts";

const text = (fields = question()) => `${new URLSearchParams(fields)}`;
const asked = { clientId: ids.clientId, scope: ids.graphScope };
const authorization = `Bearer ${callerTokens.billing}`;

/** A memory in which the usual form has been parsed. */
async function openMemory() {
  const memory = createKnownForms();
  assert.ok((await parseTokenRequest(bearerRequest(), memory)).ok);
  assert.deepEqual(memory.find(text()), asked);
  return memory;
}

describe("a form that was parsed before", () => {
  const others = {
    "another tenant": () => bearerRequest({ tenantId: ids.fabrikamId }),
    "a tenant that is none": () => bearerRequest({ tenantId: "common" }),
    "another caller": () => bearerRequest({ token: callerTokens.forged }),
    "no caller": () => formRequest(),
    "a caller under another scheme": () => formRequest({ headers: { authorization: `Basic ${callerTokens.billing}` } }),
    "two tokens in one header": () => formRequest({ headers: { authorization: `${authorization} x` } }),
    "a parameter in the query": () => bearerRequest({ query: "?scope=x" }),
    "the media type of JSON": () => jsonRequest({ headers: { authorization }, body: text() }),
    "another media type": () => bearerRequest({ contentType: "text/plain" }),
    "the media type in another spelling": () => bearerRequest({ contentType: `${formType}; charset=utf-8` }),
    "a demand for a new token": () => bearerRequest({ headers: { "cache-control": "no-cache" } }),
    "a length that is too large": () => bearerRequest({ headers: { "content-length": "65537" } }),
    "a second token beside the header's": () => {
      return formRequest({ ...presentations.client_assertion("x"), headers: { authorization } });
    },
  };
  for (const [name, make] of Object.entries(others)) {
    test(`is parsed as if it were new with ${name}`, async () => {
      assert.deepEqual(await parseTokenRequest(make(), await openMemory()), await parseTokenRequest(make()));
    });
  }

  test("is not parsed again, whatever it says", async () => {
    const memory = await openMemory();
    const remembered = { clientId: ids.unknownClientId, scope: ids.storageScope };
    memory.remember(text(), remembered);
    const parsed = await parseTokenRequest(bearerRequest(), memory);
    const { tenantId, callerToken } = { tenantId: ids.contosoId, callerToken: callerTokens.billing };
    assert.deepEqual(parsed, { ok: true, value: { tenantId, ...remembered, callerToken, isTokenExchange: false } });
  });

  test("is different from forms that differ from it in one character", async () => {
    const memory = await openMemory();
    for (let i = 0; i < text().length; i++) {
      for (const character of ["&", "=", "+", "%", "x", "0"]) {
        const body = text().slice(0, i) + character + text().slice(i + 1);
        const fresh = await parseTokenRequest(bearerRequest({ body }));
        assert.deepEqual(await parseTokenRequest(bearerRequest({ body }), memory), fresh, body);
      }
    }
  });

  test("changes no answer to any sequence of requests", async (t) => {
    const field = (name: string, ...values: string[]) =>
      fc.constantFrom(...values, ...values, "", "x").map((value) => [name, value]);
    const form = fc
      .tuple(
        field("grant_type", "client_credentials"),
        field("client_id", ids.clientId, ids.clientId.toUpperCase(), ids.contosoId),
        field("scope", ids.graphScope, `openid ${ids.graphScope}`, "https://vault.azure.net/.default"),
        fc.option(fc.constantFrom(["claims", '{"access_token":{"a":1}}'], ["scope", ids.graphScope], ["other", "1"])),
      )
      .map(([...fields]) => text(fields.filter((each) => each !== null) as never));
    const request = fc.record({
      body: fc.oneof({ weight: 3, arbitrary: fc.constant(text()) }, { weight: 4, arbitrary: form }),
      tenantId: fc.constantFrom(ids.contosoId, ids.fabrikamId),
      headers: fc.constantFrom<Record<string, string>>({ authorization }, { authorization: "Bearer other" }, {}),
    });
    let remembered = 0;
    const property = fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 12 }), async (requests) => {
      const memory = createKnownForms();
      for (const options of requests) {
        if (memory.find(options.body)) remembered += 1;
        const fresh = await parseTokenRequest(formRequest(options));
        assert.deepEqual(await parseTokenRequest(formRequest(options), memory), fresh);
      }
    });
    await holds(t, property, 300);
    assert.ok(remembered > 100, `${remembered} were remembered`);
  });
});

describe("the parser does not keep", () => {
  for (const [name, present] of Object.entries(presentations)) {
    test(`a form or JSON with the token of a caller presented as ${name}`, async () => {
      const memory = createKnownForms();
      const { fields } = present(callerTokens.billing);
      const headers = name === "authorization" ? { authorization } : {};
      await parseTokenRequest(jsonRequest({ fields, headers }), memory);
      assert.equal(memory.find(JSON.stringify(fields)), undefined);
      if (name === "authorization") return;
      await parseTokenRequest(formRequest({ fields, headers }), memory);
      assert.equal(memory.find(text(fields)), undefined);
    });
  }

  test("JSON that could be a form of three parameters, with a token", async () => {
    const memory = createKnownForms();
    const { fields } = presentations.client_assertion(callerTokens.billing);
    const body = JSON.stringify({ ...fields, other: "&&" });
    assert.ok((await parseTokenRequest(jsonRequest({ body }), memory)).ok);
    assert.equal(memory.find(body), undefined);
  });

  const kept = question();
  for (const fields of [
    { ...kept, other: "secret" },
    { ...kept, client_secret: "" },
    { ...kept, claims: "{}" },
    { ...kept, scope: `${ids.graphScope}${" openid".repeat(200)}` },
  ]) {
    test(`a form of ${text(fields).length} characters with ${Object.keys(fields).at(-1)}`, async () => {
      const memory = createKnownForms();
      assert.ok((await parseTokenRequest(bearerRequest({ fields }), memory)).ok);
      assert.equal(memory.find(text(fields)), undefined);
    });
  }

  test("a form of more than 1024 characters", () => {
    const memory = createKnownForms();
    for (const length of [1_024, 1_025]) memory.remember("&&".padEnd(length, "x"), asked);
    assert.ok(memory.find("&&".padEnd(1_024, "x")));
    assert.equal(memory.find("&&".padEnd(1_025, "x")), undefined);
  });

  test("more than five hundred forms; the oldest is evicted first", async () => {
    const memory = await openMemory();
    for (let i = 1; i < 500; i++) memory.remember(`${i}&&`, asked);
    assert.ok(memory.find(text()));
    memory.remember("500&&", asked);
    assert.equal(memory.find(text()), undefined);
    assert.ok(memory.find("1&&"));
  });
});
