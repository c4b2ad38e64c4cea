/** Callers' tokens with real signatures: everything that an attacker could change in one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createCallerVerifier } from "../../../../src/adapters/entra/caller-verifier.ts";
import { clouds, issuerOf } from "../../../../src/domain/shared/cloud.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import {
  attackerKey,
  callerToken,
  entraKey,
  hmacSha256,
  keysInMemory,
  kid,
  nowSeconds,
  rsaSha256,
  rsaSha512,
  type TokenOptions,
} from "../../../support/fixtures/caller-tokens.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { holds } from "../../../support/fixtures/property.ts";

const expectation = {
  cloud: clouds.public,
  homeTenantId: ids.homeTenantId,
  audience: ids.audience,
  role: "Tokens.Issue",
};
const publicPem = entraKey.publicKey.export({ type: "spki", format: "pem" });
const publicDer = entraKey.publicKey.export({ type: "spki", format: "der" });
const attackerJwk = attackerKey.publicKey.export({ format: "jwk" });
const byAttacker = rsaSha256(attackerKey.privateKey);
const v1Issuer = `https://sts.windows.net/${ids.homeTenantId}/`;

function verify(token: string, keys = keysInMemory()) {
  return createCallerVerifier(expectation, keys).verify(token, startMs);
}

const accepted: Record<string, TokenOptions> = {
  "a valid token": {},
  "typ at+jwt": { header: { typ: "at+jwt" } },
  "no typ": { header: { typ: undefined } },
  "a token that expired within the leeway": { claims: { exp: nowSeconds - 59 } },
  "a token that becomes valid within the leeway": { claims: { nbf: nowSeconds + 60 } },
};

const refused: Record<string, [options: TokenOptions, because: RegExp]> = {
  "alg none without signature": [{ header: { alg: "none" }, sign: () => Buffer.alloc(0) }, /ALG|ALLOWED/],
  "alg None in other case": [{ header: { alg: "None" }, sign: () => Buffer.alloc(0) }, /ALG|ALLOWED/],
  "HS256 with the public key as secret (PEM)": [
    { header: { alg: "HS256" }, sign: hmacSha256(String(publicPem)) },
    /ALG/,
  ],
  "HS256 with the public key as secret (DER)": [{ header: { alg: "HS256" }, sign: hmacSha256(publicDer) }, /ALG/],
  "RS512 by Entra's own key": [{ header: { alg: "RS512" }, sign: rsaSha512(entraKey.privateKey) }, /ALG/],
  "PS256 in the header over RS256": [{ header: { alg: "PS256" } }, /ALG/],
  "no alg": [{ header: { alg: undefined } }, /JWS/],
  "another key": [{ sign: byAttacker }, /^ERR_JWS_SIGNATURE_VERIFICATION_FAILED$/],
  "a jwk header": [{ header: { jwk: attackerJwk }, sign: byAttacker }, /^ERR_JWS_SIGNATURE_VERIFICATION_FAILED$/],
  "a jwk header instead of kid": [
    { header: { jwk: attackerJwk, kid: undefined }, sign: byAttacker },
    /^ERR_JWKS_NO_MATCHING_KEY$/,
  ],
  "a jku header": [
    { header: { jku: "https://evil.example/keys" }, sign: byAttacker },
    /^ERR_JWS_SIGNATURE_VERIFICATION_FAILED$/,
  ],
  "an x5u header": [
    { header: { x5u: "https://evil.example/x" }, sign: byAttacker },
    /^ERR_JWS_SIGNATURE_VERIFICATION_FAILED$/,
  ],
  "no kid": [{ header: { kid: undefined } }, /^ERR_JWKS_NO_MATCHING_KEY$/],
  "an unknown kid": [{ header: { kid: "other" } }, /^ERR_JWKS_NO_MATCHING_KEY$/],
  "a kid that is a list": [{ header: { kid: [kid] } }, /^ERR_JWKS_NO_MATCHING_KEY$/],
  "a kid that is a path": [{ header: { kid: "../../evil" }, sign: byAttacker }, /^ERR_JWKS_NO_MATCHING_KEY$/],
  "a kid __proto__": [{ header: { kid: "__proto__" }, sign: byAttacker }, /^ERR_JWKS_NO_MATCHING_KEY$/],
  "a crit header": [{ header: { crit: ["exp"], exp: 1 } }, /./],
  "b64 false": [{ header: { crit: ["b64"], b64: false } }, /./],
  "typ id_token": [{ header: { typ: "id_token" } }, /^typ/],
  "typ dpop+jwt": [{ header: { typ: "dpop+jwt" } }, /^typ/],
  "typ jwt in lower case, which Entra never sends": [{ header: { typ: "jwt" } }, /^typ/],
  "typ that is a list": [{ header: { typ: ["JWT"] } }, /^typ/],
  "the issuer of another tenant": [{ claims: { iss: issuerOf(clouds.public, ids.contosoId) } }, /iss$/],
  "the v1 issuer": [{ claims: { iss: v1Issuer } }, /iss$/],
  "the issuer with a slash more": [{ claims: { iss: `${issuerOf(clouds.public, ids.homeTenantId)}/` } }, /iss$/],
  "the issuer of another cloud": [{ claims: { iss: issuerOf(clouds.usgovernment, ids.homeTenantId) } }, /iss$/],
  "issuers that are a list": [{ claims: { iss: [issuerOf(clouds.public, ids.homeTenantId)] } }, /iss$/],
  "no issuer": [{ claims: { iss: undefined } }, /iss$/],
  "another tenant's tid under our issuer": [{ claims: { tid: ids.contosoId } }, /^tid/],
  "another audience": [{ claims: { aud: "https://graph.microsoft.com" } }, /aud$/],
  "an App ID URI as audience": [{ claims: { aud: `api://${ids.audience}` } }, /aud$/],
  "our audience among others": [{ claims: { aud: [ids.audience, "https://graph.microsoft.com"] } }, /^aud/],
  "our audience in a list": [{ claims: { aud: [ids.audience] } }, /^aud/],
  "no audience": [{ claims: { aud: undefined } }, /aud$/],
  "a token that expired at the end of the leeway": [{ claims: { exp: nowSeconds - 60 } }, /exp$/],
  "a token without exp": [{ claims: { exp: undefined } }, /exp$/],
  "an exp that is a text": [{ claims: { exp: String(nowSeconds + 3600) } }, /exp$/],
  "a token that becomes valid after the leeway": [{ claims: { nbf: nowSeconds + 61 } }, /nbf$/],
  "a token without nbf": [{ claims: { nbf: undefined } }, /nbf$/],
  "a token without iat": [{ claims: { iat: undefined } }, /iat$/],
  "a v1 token": [{ claims: { ver: "1.0" } }, /^ver/],
  "a user's ID token": [{ claims: { sub: "user", roles: ["Tokens.Issue"] } }, /token of a user/],
  "a user's access token": [{ claims: { scp: "access" } }, /^scp/],
  "a token without our role": [{ claims: { roles: ["Other"] } }, /role/],
};

describe("the caller verifier accepts", () => {
  for (const [name, options] of Object.entries(accepted)) {
    test(name, async () => {
      assert.deepEqual(await verify(callerToken(options)), {
        ok: true,
        value: { tenantId: ids.homeTenantId, objectId: ids.billingObjectId, azp: ids.billingAzp },
      });
    });
  }
});

describe("the caller verifier refuses", () => {
  for (const [name, [options, because]] of Object.entries(refused)) {
    test(name, async () => {
      const token = callerToken(options);
      const result = await verify(token);
      assert.ok(!result.ok);
      assert.ok(result.refusal.reason === "caller_token_rejected");
      assert.match(result.refusal.because, because);
      assert.doesNotMatch(result.refusal.because, /eyJ|https?:|evil/);
    });
  }

  const [header = "", payload = "", signature = ""] = callerToken().split(".");
  const changed: Record<string, string> = {
    "an empty text": "",
    "a text that is no token": "token",
    "a token without signature": `${header}.${payload}.`,
    "a token of two parts": `${header}.${payload}`,
    "a token of five parts": `${header}.${payload}.${signature}.x.y`,
    "claims that were changed after signing": `${header}.${callerToken({ claims: { oid: ids.exporterObjectId } }).split(".")[1]}.${signature}`,
    "a signature with a byte more": `${header}.${payload}.${signature}AA`,
    "a token with a space before it": ` ${callerToken()}`,
  };
  for (const [name, token] of Object.entries(changed)) {
    test(name, async () => {
      const keys = keysInMemory();
      assert.ok(!(await verify(token, keys)).ok);
    });
  }

  test("a token that is too large, before any of it is decoded or a key is looked up", async () => {
    const keys = keysInMemory();
    const result = await verify(callerToken({ claims: { padding: "x".repeat(16_384) } }), keys);
    assert.deepEqual(result, { ok: false, refusal: { reason: "caller_token_rejected", because: "too large" } });
    assert.deepEqual(keys.asked, []);
    const becauseOf = async (length: number) => {
      const { refusal } = (await verify("x".repeat(length))) as { refusal: { because: string } };
      return refusal.because;
    };
    assert.notEqual(await becauseOf(16_384), "too large");
    assert.equal(await becauseOf(16_385), "too large");
  });
});

test("only a key that verified a token counts as used: an unverified kid proves nothing", async () => {
  const keys = keysInMemory();
  await verify(callerToken({ sign: byAttacker }), keys);
  assert.deepEqual(keys.used, []);
  await verify(callerToken(), keys);
  assert.deepEqual(keys.used, [kid]);
});

test("a key source without keys is our fault, not the caller's", async () => {
  const keys = keysInMemory();
  keys.failure = new Fault("caller_keys_unavailable");
  await assert.rejects(verify(callerToken(), keys), keys.failure);
});

test("a kid that was not looked up is not reported as wrong: the caller should retry", async () => {
  const keys = keysInMemory();
  keys.findKey = async () => "not_looked_up";
  assert.deepEqual(await verify(callerToken(), keys), { ok: false, refusal: { reason: "caller_key_not_looked_up" } });
});

test("a disallowed algorithm never causes a key look-up, because an unknown kid costs a request to Entra", async () => {
  const keys = keysInMemory();
  for (const alg of ["none", "HS256", "RS512", "ES256"]) {
    await verify(callerToken({ header: { alg, kid: "other" } }), keys);
  }
  assert.deepEqual(keys.asked, []);
});

test("a kid that is not a string never causes a key look-up", async () => {
  const keys = keysInMemory();
  for (const other of [undefined, null, 1, [kid], { kid }]) {
    assert.ok(!(await verify(callerToken({ header: { kid: other } }), keys)).ok);
  }
  assert.deepEqual(keys.asked, []);
});

test("an error in the key source is our fault, and never reported as the caller's", async () => {
  const keys = keysInMemory();
  keys.failure = new TypeError("x is not a function");
  await assert.rejects(verify(callerToken(), keys), keys.failure);
});

test("it throws for no text, and no reason repeats the text", async (t) => {
  const part = fc.oneof(
    fc.string().map((text) => Buffer.from(text).toString("base64url")),
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
  );
  const token = fc.oneof(
    fc.string(),
    fc.tuple(part, part, part).map((parts) => parts.join(".")),
  );
  const property = fc.asyncProperty(token, async (text) => {
    const result = await verify(text);
    assert.ok(!result.ok && result.refusal.reason === "caller_token_rejected");
    assert.match(result.refusal.because, /^[A-Za-z_ ]{1,80}$/);
  });
  await holds(t, property, 500);
});

describe("a token that was verified before", () => {
  const secondsMs = 1_000;

  /** One verifier for all requests of a test, and a key source that a test can change. */
  function instance() {
    const keys = keysInMemory();
    const verifier = createCallerVerifier(expectation, keys);
    return { keys, verify: (token: string, nowMs = startMs) => verifier.verify(token, nowMs) };
  }

  test("is accepted again without another verification, as the same caller", async () => {
    const { keys, verify: again } = instance();
    const first = await again(callerToken());
    assert.deepEqual(await again(callerToken()), first);
    assert.ok(first.ok);
    assert.deepEqual(keys.used, [kid]);
  });

  for (const [name, change] of [
    ["the signature", (token: string) => `${token.slice(0, -2)}${token.endsWith("A") ? "BB" : "AA"}`],
    ["a character after it", (token: string) => `${token}A`],
    ["a space before it", (token: string) => ` ${token}`],
  ] as const) {
    test(`does not admit one that differs in ${name}`, async () => {
      const { verify: again } = instance();
      assert.ok((await again(callerToken())).ok);
      assert.ok(!(await again(change(callerToken()))).ok);
    });
  }

  for (const [when, claims] of [
    ["from the first second of the leeway", { nbf: nowSeconds + 60 }],
    ["to the last millisecond of the leeway", { exp: nowSeconds - 59 }],
  ] as const) {
    test(`is not verified again ${when}`, async () => {
      const { keys, verify: again } = instance();
      assert.ok((await again(callerToken({ claims }))).ok);
      assert.ok((await again(callerToken({ claims }), startMs + 999)).ok);
      assert.deepEqual(keys.used, [kid]);
    });
  }

  test("is refused once it has expired", async () => {
    const { verify: again } = instance();
    const token = callerToken({ claims: { exp: nowSeconds + 10 } });
    assert.ok((await again(token)).ok);
    assert.ok((await again(token, startMs + 69 * secondsMs)).ok, "within the leeway");
    assert.ok(!(await again(token, startMs + 70 * secondsMs)).ok);
  });

  test("is refused if the clock was set back to before its start", async () => {
    const { verify: again } = instance();
    const token = callerToken({ claims: { nbf: nowSeconds } });
    assert.ok((await again(token)).ok);
    assert.ok(!(await again(token, startMs - 61 * secondsMs)).ok);
  });

  test("is refused once its key is withdrawn", async () => {
    const { keys, verify: again } = instance();
    assert.ok((await again(callerToken())).ok);
    keys.findKey = async () => "unknown";
    assert.ok(!(await again(callerToken())).ok);
  });

  test("is refused once another key has its kid", async () => {
    const { keys, verify: again } = instance();
    assert.ok((await again(callerToken())).ok);
    keys.findKey = async () => attackerKey.publicKey;
    assert.ok(!(await again(callerToken())).ok);
  });

  for (const [whose, claims] of [
    ["of a user", { scp: "access" }],
    ["without our role", { roles: [] }],
    ["for several audiences", { aud: [ids.audience] }],
  ] as const) {
    test(`and was refused as one ${whose} is refused again`, async () => {
      const { verify: again } = instance();
      const first = await again(callerToken({ claims }));
      assert.ok(!first.ok);
      assert.deepEqual(await again(callerToken({ claims })), first);
    });
  }

  test("and was refused is verified again, because the problem may have been fixed", async () => {
    const { keys, verify: again } = instance();
    const { findKey } = keys;
    keys.findKey = async () => "unknown";
    assert.ok(!(await again(callerToken())).ok);
    keys.findKey = findKey;
    assert.ok((await again(callerToken())).ok);
  });
});
