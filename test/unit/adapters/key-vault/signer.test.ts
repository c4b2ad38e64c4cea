/** The requests to the vault for a signature, over the unchanged SDK, and the handling of its answers. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { TokenCredential } from "@azure/identity";
import { connectToVault, vaultAgent } from "../../../../src/adapters/key-vault/connection.ts";
import { createKeyVaultSigner } from "../../../../src/adapters/key-vault/signer.ts";
import { createKeyUnwrapper } from "../../../../src/adapters/key-vault/unwrapper.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startVaultServer } from "../../../support/fixtures/vault-server.ts";

const vault = await startVaultServer();
const { keyId } = vault;
const path = new URL(keyId).pathname;
const digest = new Uint8Array(32).fill(5);
const signature = new Uint8Array(256).fill(9);
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
const signed = {
  status: 200,
  headers: { "x-ms-request-id": "r-1" },
  body: { kid: keyId, value: base64url(signature) },
};

/** A managed identity with one more token than the vault accepts. */
const identity = {
  asked: [] as unknown[],
  replaced: [] as string[],
  getToken: async (scope: unknown) => {
    identity.asked.push(scope);
    return { token: "token", expiresOnTimestamp: Date.now() + 3_600_000 };
  },
  newest: (token: string) => token,
  async replace(token: string) {
    identity.replaced.push(token);
    return "another";
  },
};

beforeEach(() => {
  identity.asked.length = identity.replaced.length = vault.requests.length = 0;
  vault.answer = () => signed;
});

const signer = (credential: TokenCredential = identity) => createKeyVaultSigner(credential, "instance-1");

function sign({ sign } = signer(), changes: Partial<Parameters<typeof sign>[0]> = {}) {
  return sign({ keyId, algorithm: "PS256", digest, signal: new AbortController().signal, ...changes });
}

async function faultOf(signing: Promise<unknown>): Promise<Fault> {
  const error = await signing.then(
    () => assert.fail("it was signed"),
    (thrown) => thrown,
  );
  assert.ok(error instanceof Fault, String(error));
  return error;
}

const paths = () => vault.requests.map(({ method, path }) => `${method} ${path}`);

describe("a signature", () => {
  test("is requested once, by the version of the key, with the instance's name; the key itself is never read", async () => {
    const answer = await sign();
    assert.deepEqual(
      { ...answer, signature: new Uint8Array(answer.signature) },
      { signature, keyId, requestId: "r-1" },
    );
    assert.deepEqual(paths(), [`POST ${path}/sign`, `POST ${path}/sign`], "the first one is the challenge");
    const [challenge, request] = vault.requests;
    assert.equal(challenge?.body, undefined);
    assert.deepEqual(request?.body, { alg: "PS256", value: base64url(digest) });
    assert.equal(request?.headers.authorization, "Bearer token");
    assert.match(String(request?.headers["user-agent"]), /^keyhold\/instance-1 /);
    assert.deepEqual(identity.asked.flat(), ["https://vault.azure.net/.default"]);
  });

  test("names the key that the vault reports as the signer, whichever was requested, and none if it reports none", async () => {
    const other = keyId.replace("client-assertion", "another");
    for (const [kid, expected] of [
      [other, other],
      [undefined, ""],
      [7, ""],
    ]) {
      vault.answer = () => ({ status: 200, body: { ...signed.body, kid } });
      const answer = await sign();
      assert.deepEqual([answer.keyId, answer.requestId], [expected, ""]);
    }
  });

  test("costs one challenge per version of a key", async () => {
    const one = signer();
    await sign(one);
    await sign(one);
    assert.equal(vault.requests.length, 3);
    await sign(one, { keyId: `${keyId.slice(0, -1)}0` });
    assert.equal(vault.requests.length, 5);
  });

  test("that is the first is sent alone, and all that wait for it share one challenge", async () => {
    const one = signer();
    const gate = Promise.withResolvers<void>();
    let answered = 0;
    vault.answer = async () => {
      if (answered++ === 0) await gate.promise;
      return signed;
    };
    const signing = Array.from({ length: 5 }, () => sign(one));
    while (answered === 0) await new Promise(setImmediate);
    assert.equal(vault.requests.length, 2);
    gate.resolve();
    await Promise.all(signing);
    const withBody = vault.requests.filter(({ body }) => body !== undefined);
    assert.deepEqual([vault.requests.length, withBody.length], [6, 5]);
  });

  test("that comes after the first waits for no other", async () => {
    const one = signer();
    await sign(one);
    vault.requests.length = 0;
    const gate = Promise.withResolvers<void>();
    vault.answer = async () => {
      await gate.promise;
      return signed;
    };
    const signing = [sign(one), sign(one)];
    while (vault.requests.length < 2) await new Promise(setImmediate);
    gate.resolve();
    await Promise.all(signing);
  });

  test("that is the first and fails lets the next one be the first", async () => {
    const one = signer();
    let answered = 0;
    vault.answer = () => (answered++ === 0 ? { status: 503 } : signed);
    const results = await Promise.allSettled([sign(one), sign(one), sign(one)]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "fulfilled", "fulfilled"],
    );
    assert.equal((await sign(one)).requestId, "r-1");
  });
});

describe("the vault's refusal", () => {
  const answers: [what: string, answer: Awaited<ReturnType<typeof vault.answer>>, code: string, detail: object][] = [
    [
      "that many ask",
      { status: 429, headers: { "retry-after": "7", "x-ms-request-id": "r-2" } },
      "signer_throttled",
      { codes: [429], vaultRequestId: "r-2", retryAfterSeconds: 7 },
    ],
    [
      "that the version is disabled",
      { status: 403, body: { error: { code: "Forbidden", innererror: { code: "KeyDisabled" } } } },
      "signer_key_disabled",
      { codes: [403] },
    ],
    ["that it is unwell", { status: 500 }, "signer_unavailable", { codes: [500], maybeSigned: true }],
  ];
  for (const [what, answer, code, detail] of answers) {
    test(`${what} is a fault, and not retried: a second signature needs a second intent`, async () => {
      vault.answer = () => answer;
      const fault = await faultOf(sign());
      assert.deepEqual([fault.code, fault.detail], [code, detail]);
      assert.equal(vault.requests.length, 2);
    });
  }

  test("of the token has it replaced, and only a caller that has stored another intent may retry", async () => {
    vault.answer = () => ({ status: 401, headers: { "x-ms-request-id": "r-3" } });
    const fault = await faultOf(sign());
    assert.deepEqual(
      [fault.code, fault.detail],
      ["signer_unauthorized", { codes: [401], vaultRequestId: "r-3", isTokenReplaced: true }],
    );
    assert.deepEqual(identity.replaced, ["token"]);
    assert.equal(vault.requests.length, 2);
  });

  test("that is not JSON may have been a signature", async () => {
    vault.answer = () => ({ status: 200, body: "<html>" });
    assert.equal((await faultOf(sign())).detail.maybeSigned, true);
  });
});

test("a signature is abandoned after 5 s, and when its request ends", async (t) => {
  const never = new Promise<never>(() => {});
  vault.answer = () => never;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const end = new AbortController();
  const isAsked = async () => {
    while (vault.requests.length < 2) await new Promise(setImmediate);
    vault.requests.length = 0;
  };
  const ended = faultOf(sign(signer(), { signal: end.signal }));
  await isAsked();
  end.abort();
  assert.equal((await ended).detail.maybeSigned, true);
  let isOver = false;
  const late = faultOf(sign()).finally(() => {
    isOver = true;
  });
  await isAsked();
  t.mock.timers.tick(4_999);
  await new Promise(setImmediate);
  assert.equal(isOver, false);
  t.mock.timers.tick(1);
  assert.equal((await late).detail.maybeSigned, true);
});

describe("a key that is unwrapped", () => {
  const wrapped = new Uint8Array([1, 2, 3]);
  const unwrap = () => createKeyUnwrapper(keyId, identity)(wrapped, new AbortController().signal);

  test("is requested with RSA-OAEP-256, and the unwrapping key is never read", async () => {
    const key = new Uint8Array(32).fill(3);
    vault.answer = () => ({ status: 200, body: { kid: keyId, value: base64url(key) } });
    assert.deepEqual(new Uint8Array(await unwrap()), key);
    assert.deepEqual(paths(), [`POST ${path}/unwrapkey`, `POST ${path}/unwrapkey`]);
    assert.deepEqual(vault.requests[1]?.body, { alg: "RSA-OAEP-256", value: base64url(wrapped) });
  });

  test("is requested again after a 401 with another token, and once more after a 503", async () => {
    const statuses = [401, 503, 200];
    vault.answer = () => ({ status: statuses.shift() ?? 500, headers: { "retry-after": "0" }, body: signed.body });
    await unwrap();
    assert.deepEqual(
      vault.requests.map(({ headers }) => headers.authorization),
      [undefined, "Bearer token", "Bearer another", "Bearer another"],
    );
    vault.requests.length = 0;
    vault.answer = () => ({ status: 503, headers: { "retry-after": "0" } });
    await assert.rejects(unwrap(), { statusCode: 503 });
    assert.equal(vault.requests.length, 3, "the challenge and two attempts");
  });

  test("is abandoned when its request ends", async () => {
    const end = new AbortController();
    end.abort();
    await assert.rejects(createKeyUnwrapper(keyId, identity)(wrapped, end.signal), { name: "AbortError" });
  });
});

test("the first signature uses the connection that was opened before, and opening it requests nothing", async () => {
  vaultAgent.destroy();
  const before = vault.connections;
  await connectToVault(keyId);
  assert.deepEqual(paths(), ["GET /"]);
  assert.equal(vault.requests[0]?.headers.authorization, undefined);
  await sign();
  assert.equal(vault.connections - before, 1);
});
