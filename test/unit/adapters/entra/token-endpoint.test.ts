/** What Entra's token endpoint is sent, and which of its answers are given on. Entra itself is a `fetch` of the test. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { createEntraTokenEndpoint } from "../../../../src/adapters/entra/token-endpoint.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import * as ids from "../../../support/fixtures/ids.ts";

const { fetch } = globalThis;
afterEach(() => {
  globalThis.fetch = fetch;
});

const requestId = "99999999-0000-4000-8000-000000000009";
const entra = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  Response.json(body, { status, headers: { "x-ms-request-id": requestId, ...headers } });

/** A token whose claims can be read, as Entra's can for most resources. */
function tokenWith(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}.signature`;
}

const issued = { token_type: "Bearer", expires_in: 3599, access_token: "opaque" };

/** Asks for a token of Contoso; what was sent is kept. */
async function ask(answer: (sent: Request) => Response | Promise<Response>, withinMs?: number) {
  const sent: Request[] = [];
  globalThis.fetch = async (url, init) => {
    const request = new Request(url, init as RequestInit);
    sent.push(request);
    return answer(request);
  };
  const result = await createEntraTokenEndpoint(clouds.public, withinMs).requestToken({
    tenantId: ids.contosoId,
    clientId: ids.clientId,
    scope: ids.graphScope,
    clientAssertion: "signed-assertion",
    ledgerId: ids.billingObjectId,
    signal: new AbortController().signal,
  });
  return { result, sent };
}

test("the assertion goes to the tenant's own endpoint, with the ledger's id, and a redirect is not followed", async () => {
  const { sent } = await ask(() => entra(issued));
  const [request] = sent;
  assert.equal(request?.url, `https://login.microsoftonline.com/${ids.contosoId}/oauth2/v2.0/token`);
  assert.equal(request?.redirect, "manual");
  assert.equal(request?.headers.get("client-request-id"), ids.billingObjectId);
  assert.equal(request?.headers.get("return-client-request-id"), "true");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(await request?.text())), {
    grant_type: "client_credentials",
    client_id: ids.clientId,
    scope: ids.graphScope,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: "signed-assertion",
  });
});

describe("a token is given on", () => {
  const { contosoId: tid, clientId } = ids;
  const fine: Record<string, string> = {
    "that cannot be read: it is opaque to all but its resource": "opaque",
    "of the tenant and the application, as v1 names it": tokenWith({ tid, appid: clientId }),
    "of the tenant and the application, as v2 names it": tokenWith({ tid, azp: clientId }),
    "in another spelling of the ids": tokenWith({ tid: tid.toUpperCase(), appid: clientId.toUpperCase() }),
    "that names neither": tokenWith({ aud: "x" }),
  };
  for (const [name, accessToken] of Object.entries(fine)) {
    test(name, async () => {
      const { result } = await ask(() => entra({ ...issued, access_token: accessToken }));
      assert.deepEqual(result, { issued: true, accessToken, expiresInSeconds: 3599, requestId });
    });
  }

  test("with its lifetime in whole seconds", async () => {
    const { result } = await ask(() => entra({ ...issued, expires_in: 1.9 }));
    assert.equal(result.issued && result.expiresInSeconds, 1);
  });
});

describe("an answer that is not what was asked for is a fault", () => {
  const wrong: Record<string, object> = {
    "the token of another tenant": { access_token: tokenWith({ tid: ids.fabrikamId, appid: ids.clientId }) },
    "the token of another application (v1)": { access_token: tokenWith({ tid: ids.contosoId, appid: ids.audience }) },
    "the token of another application (v2)": { access_token: tokenWith({ tid: ids.contosoId, azp: ids.audience }) },
    "the token of a tenant that is none": { access_token: tokenWith({ tid: "common" }) },
    "a token that has expired": { expires_in: 0 },
    "a token that has long expired": { expires_in: -1 },
    "a token that lasts less than a second": { expires_in: 0.9 },
    "a token without a lifetime": { expires_in: undefined },
    "a token that has to be proven": { token_type: "pop" },
    "no token": { access_token: undefined },
  };
  for (const [name, change] of Object.entries(wrong)) {
    test(name, () =>
      assert.rejects(
        ask(() => entra({ ...issued, ...change })),
        { code: "token_not_as_asked" },
      ),
    );
  }
});

test("an endpoint that does not answer is given up at the time limit, and so is one that stops in its answer", async () => {
  const never = ({ signal }: Request) =>
    new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  await assert.rejects(ask(never, 5), { code: "token_endpoint_unavailable" });
});

test("a refusal is read with its numbers, Entra's time, the wait that it asks for and its request id", async () => {
  const body = { error: "invalid_client", error_codes: [700024, "x", 1.5], error_description: "AADSTS700024" };
  const headers = { date: "Mon, 01 Jun 2026 12:00:00 GMT" };
  const { result } = await ask(() => entra(body, 401, headers));
  assert.deepEqual(result, {
    issued: false,
    kind: "clock_skewed",
    codes: [700024],
    requestId,
    serverTimeMs: Date.UTC(2026, 5, 1, 12),
  });
  await assert.rejects(
    ask(() => entra({}, 429, { "retry-after": "7" })),
    (error: { code?: string; detail?: { retryAfterSeconds?: number } }) =>
      error.code === "token_endpoint_throttled" && error.detail?.retryAfterSeconds === 7,
  );
  await assert.rejects(
    ask(() => new Response("<html>", { status: 502 })),
    { code: "token_endpoint_unavailable" },
  );
});
