import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import { acceptDiscovery } from "../../../../src/domain/metadata/accept-discovery.ts";
import { acceptJwks } from "../../../../src/domain/metadata/accept-jwks.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { parseGuid } from "../../../../src/domain/shared/guid.ts";
import type { MetadataSource } from "../../../../src/domain/shared/metadata-source.ts";

const tenant = parseGuid("40000000-0000-4000-8000-000000000001");
assert.ok(tenant);
const cloud = clouds.public;
const source: MetadataSource = { tenant };
const encode = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

const signing = await generateSigningKey();
const other = await generateSigningKey();
type Jwk = Record<string, unknown>;
const keyOf = ({ n, e, kid, certificate }: typeof signing): Jwk => {
  return { kty: "RSA", use: "sig", kid, x5t: kid, n, e, x5c: [certificate] };
};
const valid = keyOf(signing);
const second = keyOf(other);
const accept = (...keys: unknown[]) => acceptJwks(encode({ keys }), source, cloud);
const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });

describe("a key set", () => {
  test("is accepted with the keys that can verify tokens", () => {
    const accepted = accept(valid, second);
    assert.deepEqual(accepted.ok && accepted.value.map(({ kid }) => kid), [valid.kid, second.kid]);
  });

  const passedOver: [what: string, key: Jwk][] = [
    ["an elliptic key", { ...elliptic, kid: "ec", use: "sig" }],
    ["a key for encryption", { ...second, use: "enc" }],
    ["a key without kid", { ...second, kid: undefined }],
    ["a key of another tenant's issuer", { ...second, issuer: `https://${cloud.authorityHost}/common/v2.0` }],
    ["a key of the consumers' issuer", { ...second, issuer: "https://login.microsoftonline.com/{tenantid}/v2.0" }],
  ];
  for (const [what, key] of passedOver) {
    test(`is accepted without ${what}, and with the other keys`, () => {
      const accepted = accept(key, valid);
      assert.deepEqual(accepted.ok && accepted.value.map(({ kid }) => kid), [valid.kid]);
    });
  }

  const refused: [what: string, keys: unknown[], reason: string][] = [
    ["without keys", [], "jwks_without_usable_key"],
    ["with nothing but keys that are passed over", passedOver.map(([, key]) => key), "jwks_without_usable_key"],
    ["with a key that is no object", ["key"], "jwks_key_contradictory"],
    ["with a short key", [{ ...short, kid: "short", use: "sig" }], "jwks_key_contradictory"],
    ["with n of another key", [{ ...valid, n: second.n }], "jwks_key_contradictory"],
    ["with the certificate of another key", [{ ...valid, x5c: second.x5c }], "jwks_key_contradictory"],
    ["with the thumbprint of another key", [{ ...valid, x5t: second.x5t }], "jwks_key_contradictory"],
    ["with garbage for a certificate", [{ ...valid, x5c: ["AAAA"] }], "jwks_key_contradictory"],
    ["with an empty list of certificates", [{ ...valid, x5c: [] }], "jwks_key_contradictory"],
    [
      "with something behind a certificate",
      [{ ...valid, x5c: [`${signing.certificate}AAAA`] }],
      "jwks_key_contradictory",
    ],
    ["with n that is no number", [{ ...valid, n: "!" }], "jwks_key_contradictory"],
    ["with one kid for two keys", [valid, { ...second, kid: valid.kid }], "jwks_key_contradictory"],
    ["with more keys than anybody has", Array.from({ length: 257 }, () => valid), "jwks_too_many_keys"],
  ];
  for (const [what, keys, reason] of refused) {
    test(`is refused ${what}`, () => {
      const result = accept(...keys);
      assert.equal(result.ok ? "accepted" : result.refusal.reason, reason);
    });
  }

  test("of a tenant-independent endpoint keeps the keys for every tenant, and none that speaks for one only", () => {
    const every = { ...valid, issuer: `https://${cloud.authorityHost}/{tenantid}/v2.0` };
    const consumers = { ...second, issuer: `https://${cloud.authorityHost}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0` };
    const accepted = acceptJwks(encode({ keys: [every, consumers] }), { tenant: "common" }, cloud);
    assert.deepEqual(accepted.ok && accepted.value.map(({ kid }) => kid), [valid.kid]);
  });

  test("names its keys as Entra does, by the thumbprint of the certificate", () => {
    const { raw } = new X509Certificate(Buffer.from(signing.certificate, "base64"));
    assert.equal(valid.kid, createHash("sha1").update(raw).digest("base64url"));
  });

  const seed = 20261121;
  test(`never throws, whatever bytes come (seed ${seed})`, () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map(encode),
          fc.jsonValue().map((v) => encode({ keys: v })),
        ),
        (body) => {
          assert.equal(typeof acceptJwks(body, source, cloud).ok, "boolean");
          assert.equal(typeof acceptDiscovery(body, source, cloud).ok, "boolean");
        },
      ),
      { seed, numRuns: 500 },
    );
  });
});

describe("a discovery document", () => {
  const base = `https://${cloud.authorityHost}/${tenant}`;
  const document = {
    issuer: `${base}/v2.0`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
  };
  const cases: [what: string, change: object, reason: string | undefined][] = [
    ["as it should be", {}, undefined],
    ["with more members than we know", { tenant_region_scope: "EU" }, undefined],
    [
      "of another tenant",
      { issuer: `https://${cloud.authorityHost}/10000000-0000-4000-8000-000000000001/v2.0` },
      "discovery_issuer_mismatch",
    ],
    [
      "of no particular tenant",
      { issuer: `https://${cloud.authorityHost}/{tenantid}/v2.0` },
      "discovery_issuer_mismatch",
    ],
    ["with the issuer of v1 tokens", { issuer: `https://sts.windows.net/${tenant}/` }, "discovery_issuer_mismatch"],
    ["with keys elsewhere", { jwks_uri: "https://keys.example/keys" }, "discovery_endpoint_elsewhere"],
    [
      "with keys on plain http",
      { jwks_uri: document.jwks_uri.replace("https", "http") },
      "discovery_endpoint_elsewhere",
    ],
    [
      "with keys on another port",
      { jwks_uri: document.jwks_uri.replace(".com/", ".com:444/") },
      "discovery_endpoint_elsewhere",
    ],
    [
      "with a token endpoint elsewhere",
      { token_endpoint: "https://login.microsoftonline.com.evil.example/" },
      "discovery_endpoint_elsewhere",
    ],
    ["without an authorization endpoint", { authorization_endpoint: undefined }, "discovery_endpoint_elsewhere"],
  ];
  for (const [what, change, reason] of cases) {
    test(`${what} is ${reason === undefined ? "accepted" : "refused"}`, () => {
      const result = acceptDiscovery(encode({ ...document, ...change }), source, cloud);
      assert.equal(result.ok ? undefined : result.refusal.reason, reason);
    });
  }

  test("that is not UTF-8, not JSON or not an object is refused", () => {
    for (const body of [new Uint8Array([0xff, 0xfe]), encode("{"), encode("[]"), encode("null"), encode('"text"')]) {
      const result = acceptDiscovery(body, source, cloud);
      assert.equal(result.ok ? "accepted" : result.refusal.reason, "discovery_not_readable");
    }
  });
});
