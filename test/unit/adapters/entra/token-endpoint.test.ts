/**
 * What is sent to Entra's token endpoint, and which of its answers are returned. Entra itself is the test's `fetch`.
 */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { connectToEntra, createEntraTokenEndpoint } from "../../../../src/adapters/entra/token-endpoint.ts";
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

type Ask = Parameters<ReturnType<typeof createEntraTokenEndpoint>["requestToken"]>[0];

/** Asks for a token of Contoso; what was sent is kept. */
async function ask(answer: (sent: Request) => Response | Promise<Response>, changes: Partial<Ask> = {}) {
  const sent: Request[] = [];
  globalThis.fetch = async (url, init) => {
    const request = new Request(url, init as RequestInit);
    sent.push(request);
    return answer(request);
  };
  const result = await createEntraTokenEndpoint(clouds.public).requestToken({
    tenantId: ids.contosoId,
    clientId: ids.clientId,
    scope: ids.graphScope,
    clientAssertion: "signed-assertion",
    ledgerId: ids.billingObjectId,
    signal: new AbortController().signal,
    ...changes,
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

describe("a token is returned", () => {
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

describe("an answer that does not match the request is a fault", () => {
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

test("claims are passed on unchanged", async () => {
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
  const { sent } = await ask(() => entra(issued), { claims });
  assert.equal(new URLSearchParams(await sent[0]?.text()).get("claims"), claims);
});

describe("an endpoint that does not answer is abandoned, and may be asked again,", () => {
  const never = ({ signal }: Request) =>
    new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

  test("after 10 s", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let isOver = false;
    const late = ask(never).finally(() => {
      isOver = true;
    });
    late.catch(() => undefined);
    await new Promise(setImmediate);
    t.mock.timers.tick(9_999);
    await new Promise(setImmediate);
    assert.equal(isOver, false);
    t.mock.timers.tick(1);
    await assert.rejects(late, {
      code: "token_endpoint_unavailable",
      detail: { because: "DeadlineExceeded" },
    });
  });

  test("when the request has ended", async () => {
    const end = new AbortController();
    const asking = ask(never, { signal: end.signal });
    setImmediate(() => end.abort());
    await assert.rejects(asking, { code: "token_endpoint_unavailable", detail: { because: "AbortError 20" } });
  });

  test("when it has no connection", async () => {
    const refused = Object.assign(new TypeError("fetch failed"), {
      cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }),
    });
    await assert.rejects(
      ask(() => Promise.reject(refused)),
      { code: "token_endpoint_unavailable", detail: { because: "TypeError ECONNREFUSED" } },
    );
  });

  for (const [what, error, because] of [
    ["is cut off in its answer", new TypeError("terminated"), "TypeError"],
    ["stops in its answer", new DOMException("", "TimeoutError"), "TimeoutError 23"],
  ] as const) {
    test(`when it ${what}`, async () => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"access_token":'));
          controller.error(error);
        },
      });
      await assert.rejects(
        ask(() => new Response(body, { headers: { "content-type": "application/json" } })),
        { code: "token_endpoint_unavailable", detail: { because } },
      );
    });
  }
});

describe("a complete answer that is not a token endpoint's is a fault that a retry does not fix:", () => {
  const answers: Record<string, Response> = {
    "no JSON": new Response("<html>", { headers: { "content-type": "application/json" } }),
    "a page": new Response("<html>", { headers: { "content-type": "text/html" } }),
    "no object": Response.json([]),
    nothing: new Response(null),
  };
  for (const [what, answer] of Object.entries(answers)) {
    test(what, () =>
      assert.rejects(
        ask(() => answer),
        { code: "token_not_as_asked" },
      ),
    );
  }
});

test("a token has no request id of Entra's if the answer has none, or has one that is not a GUID", async () => {
  for (const headers of [{}, { "x-ms-request-id": "secret" }]) {
    const { result } = await ask(() => Response.json(issued, { headers }));
    assert.deepEqual(result, { issued: true, accessToken: "opaque", expiresInSeconds: 3599 });
  }
});

describe("a refusal with", () => {
  const bodies: [what: string, body: unknown, codes: number[]][] = [
    ["numbers that are none", { error_codes: ["7", 1.5, null, 7] }, [7]],
    ["one number and no list", { error_codes: 7 }, []],
    ["a list", [], []],
    ["a text", "x", []],
    ["null", null, []],
    ["an error that is no text", { error: { toString: 1 } }, []],
  ];
  for (const [what, body, codes] of bodies) {
    test(`${what} is read as far as possible`, async () => {
      const { result } = await ask(() => Response.json(body, { status: 400, headers: { "retry-after": "soon" } }));
      assert.deepEqual(result, { issued: false, kind: "unexpected", codes });
    });
  }

  test("the error temporarily_unavailable may be retried, after the wait that it asks for, or without one", async () => {
    const body = { error: "temporarily_unavailable" };
    for (const [headers, detail] of [
      [{}, { codes: [] }],
      [{ "retry-after": "3" }, { codes: [], retryAfterSeconds: 3 }],
    ] as const) {
      await assert.rejects(
        ask(() => Response.json(body, { status: 400, headers })),
        { code: "token_endpoint_unavailable", detail },
      );
    }
  });
});

test("a connection is opened by a request for the host alone, and no redirect is followed", async () => {
  const sent: Request[] = [];
  globalThis.fetch = async (url, init) => {
    sent.push(new Request(url, init as RequestInit));
    return new Response(null, { status: 302, headers: { location: "https://attacker.example/" } });
  };
  await connectToEntra(clouds.china);
  assert.deepEqual(
    sent.map(({ method, url, redirect }) => [method, url, redirect]),
    [["HEAD", "https://login.partner.microsoftonline.cn/", "manual"]],
  );
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
