/** A token that a service refused is replaced, bypassing the caches of the SDK and of the platform. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { createIdentity } from "../../../../src/adapters/azure/identity.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { answerWith, startIdentityEndpoint } from "../../../support/fixtures/identity-endpoint.ts";
import { signingId } from "../../../support/fixtures/settings.ts";

const endpoint = await startIdentityEndpoint();
const place = { url: `${endpoint.origin}/msi/token`, header: "secret" };
const scope = "https://vault.azure.net/.default";
let nowMs = startMs;

beforeEach(() => {
  endpoint.requests.length = 0;
  nowMs = startMs;
});

/** The SDK, which goes on giving out what it has cached. */
const sdk = { getToken: async () => ({ token: "first", expiresOnTimestamp: startMs + 86_400_000 }) };

async function holding(from: typeof place | undefined = place) {
  const identity = createIdentity(signingId, from, sdk, () => nowMs);
  assert.equal((await identity.getToken(scope)).token, "first");
  return identity;
}

describe("a refused token of a managed identity", () => {
  test("is replaced by sending its hash to the platform, and is no longer returned", async () => {
    const identity = await holding();
    endpoint.answer = answerWith("second", { expires_on: "1799999999" });
    assert.equal(await identity.replace("first"), "second");
    const [{ url, identityHeader } = assert.fail()] = endpoint.requests;
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      "api-version": "2025-03-30",
      resource: "https://vault.azure.net",
      client_id: signingId,
      token_sha256_to_refresh: createHash("sha256").update("first").digest("hex"),
    });
    assert.equal(identityHeader, "secret");
    assert.deepEqual(await identity.getToken(scope), { token: "second", expiresOnTimestamp: 1_799_999_999_000 });
    assert.equal(identity.newest("first"), "second");
  });

  test("is replaced once for all callers that were refused", async () => {
    const identity = await holding();
    endpoint.answer = answerWith("second");
    const replaced = await Promise.all(Array.from({ length: 100 }, () => identity.replace("first")));
    assert.deepEqual(new Set([...replaced, await identity.replace("first")]), new Set(["second"]));
    assert.equal(endpoint.requests.length, 1);
  });

  test("is replaced again when its successor is refused too", async () => {
    const identity = await holding();
    for (const [refused, next] of [
      ["first", "second"],
      ["second", "third"],
    ] as const) {
      endpoint.answer = answerWith(next);
      assert.equal(await identity.replace(refused), next);
    }
    assert.equal((await identity.getToken(scope)).token, "third");
    assert.equal(identity.newest("first"), "third");
  });

  test("is requested in the older version if the platform does not know the newer one", async () => {
    const identity = await holding();
    endpoint.answer = (response, request) => {
      if (request.url?.includes("2025-03-30")) response.writeHead(400).end("{}");
      else answerWith("second")(response, request);
    };
    assert.equal(await identity.replace("first"), "second");
    const versions = endpoint.requests.map(({ url }) => url.searchParams.get("api-version"));
    assert.deepEqual(versions, ["2025-03-30", "2019-08-01"]);
  });

  test("stays in use if the platform returns the same one, and is requested again after 5 s at the earliest", async () => {
    const identity = await holding();
    endpoint.answer = answerWith("first");
    for (const [atMs, asked] of [
      [0, 1],
      [4_999, 1],
      [5_000, 2],
      [9_999, 2],
    ] as const) {
      nowMs = startMs + atMs;
      assert.equal(await identity.replace("first"), undefined);
      assert.equal(endpoint.requests.length, asked);
    }
    assert.equal((await identity.getToken(scope)).token, "first");
    nowMs = startMs + 10_000;
    endpoint.answer = answerWith("second");
    assert.equal(await identity.replace("first"), "second");
  });

  test("is not a replacement for its successor", async () => {
    const identity = await holding();
    endpoint.answer = answerWith("second");
    await identity.replace("first");
    endpoint.answer = answerWith("first");
    assert.equal(await identity.replace("second"), undefined);
    assert.equal((await identity.getToken(scope)).token, "second");
  });

  test("is forgotten only after a hundred newer ones, oldest first", async () => {
    let issued = 0;
    const many = { getToken: async () => ({ token: `token-${++issued}`, expiresOnTimestamp: startMs }) };
    const identity = createIdentity(signingId, place, many, () => nowMs);
    for (let i = 0; i < 101; i++) await identity.getToken(scope);
    endpoint.answer = answerWith("another");
    assert.equal(await identity.replace("token-1"), undefined);
    assert.equal(await identity.replace("token-2"), "another");
  });

  test("of several scopes, or of one without the suffix, is requested by the platform's name of the resource", async () => {
    for (const [scopes, resource] of [
      [["https://a/.default"], "https://a"],
      ["https://a/x", "https://a/x"],
      ["https://a/.default/x", "https://a/.default/x"],
      [["https://a/x", "https://b/.default"], "https://a/x https://b"],
    ] as const) {
      const identity = createIdentity(signingId, place, sdk, () => nowMs);
      await identity.getToken(scopes as string | string[]);
      endpoint.answer = answerWith("second");
      await identity.replace("first");
      assert.equal(endpoint.requests.at(-1)?.url.searchParams.get("resource"), resource);
    }
  });

  test("is not requested in the older version after an error other than 400, and not a third time", async () => {
    for (const [status, versions] of [
      [404, 1],
      [500, 1],
      [400, 2],
    ] as const) {
      endpoint.requests.length = 0;
      const identity = await holding();
      endpoint.answer = (response) => void response.writeHead(status).end("{}");
      assert.equal(await identity.replace("first"), undefined);
      assert.equal(endpoint.requests.length, versions);
    }
  });

  test("is asked for again 5 s after it was first refused, whoever was refused meanwhile", async () => {
    const identity = await holding();
    const gate = Promise.withResolvers<void>();
    endpoint.answer = (response, request) => void gate.promise.then(() => answerWith("first")(response, request));
    const first = identity.replace("first");
    nowMs = startMs + 4_000;
    const second = identity.replace("first");
    gate.resolve();
    assert.deepEqual(await Promise.all([first, second]), [undefined, undefined]);
    nowMs = startMs + 5_000;
    await identity.replace("first");
    assert.equal(endpoint.requests.length, 2);
  });

  test("is asked for again after 5 s by a clock that was set back, too", async () => {
    const identity = await holding();
    endpoint.answer = answerWith("first");
    await identity.replace("first");
    nowMs = startMs - 5_000;
    await identity.replace("first");
    assert.equal(endpoint.requests.length, 2);
  });

  test("is waited for at most 5 s, for both versions together", async (t) => {
    const identity = await holding();
    const time = new AbortController();
    const waits: number[] = [];
    t.mock.method(AbortSignal, "timeout", (ms: number) => {
      waits.push(ms);
      return time.signal;
    });
    endpoint.answer = (response) => {
      endpoint.answer = () => time.abort();
      response.writeHead(400).end("{}");
    };
    assert.equal(await identity.replace("first"), undefined);
    assert.deepEqual([waits, endpoint.requests.length], [[5_000], 2]);
  });

  const answers: Record<string, typeof endpoint.answer> = {
    "an error": (response) => void response.writeHead(500).end("{}"),
    "a redirect to a token": (response, request) => {
      if (request.url?.startsWith("/elsewhere")) answerWith("second")(response, request);
      else response.writeHead(302, { location: "/elsewhere" }).end();
    },
    "a cut connection": (response) => void response.destroy(),
    "no JSON": (response) => void response.writeHead(200).end("second"),
    "no token": answerWith("", {}),
    "no expiry": answerWith("second", { expires_on: "soon" }),
    "an expiry in 1970": answerWith("second", { expires_on: "0" }),
    "a token that is a number": answerWith("", { access_token: 7 }),
  };
  for (const [what, answer] of Object.entries(answers)) {
    test(`stays in use if the platform answers with ${what}`, async () => {
      const identity = await holding();
      endpoint.answer = answer;
      assert.equal(await identity.replace("first"), undefined);
      assert.equal((await identity.getToken(scope)).token, "first");
    });
  }

  test("stays in use if there is no platform, or one that is not ours", async () => {
    const elsewhere = createIdentity(signingId, undefined, sdk, () => nowMs);
    await elsewhere.getToken(scope);
    assert.equal(await elsewhere.replace("first"), undefined);
    const identity = await holding();
    assert.equal(await identity.replace("of somebody else"), undefined);
    assert.equal(identity.newest("of somebody else"), "of somebody else");
    assert.equal(endpoint.requests.length, 0);
  });
});
