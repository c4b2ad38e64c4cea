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
import { makeEllipticCurve, withExponentOne } from "../../../support/fixtures/certificates.ts";

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
const short = await generateSigningKey({ modulusLength: 1024 });
const weak = withExponentOne(Buffer.from(signing.certificate, "base64"));
const weakKid = createHash("sha1").update(weak).digest("base64url");
const weakKey: Jwk = { ...valid, e: "AQ", kid: weakKid, x5t: weakKid, x5c: [weak.toString("base64")] };
const ellipticCertificate = new X509Certificate((await makeEllipticCurve()).pem).raw.toString("base64");
const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });

const kidsOf = (keys: readonly { kid: string }[]) => keys.map(({ kid }) => kid);
/** The kids that may verify tokens, and those that are republished. */
function outcomeOf(accepted: ReturnType<typeof accept>) {
  if (!accepted.ok) return accepted.refusal.reason;
  const { keys, body } = accepted.value;
  const republished = JSON.parse(Buffer.from(body).toString("utf8")) as { keys: { kid: string }[] };
  return { trusted: kidsOf(keys.filter(({ otherIssuer }) => !otherIssuer)), republished: kidsOf(republished.keys) };
}

describe("a key set", () => {
  test("of these attacks has a readable certificate with the exponent 1", () => {
    assert.equal(new X509Certificate(weak).publicKey.asymmetricKeyDetails?.publicExponent, 1n);
  });

  test("is accepted with the keys that can verify tokens", () => {
    assert.deepEqual(outcomeOf(accept(valid, second)), {
      trusted: [valid.kid, second.kid],
      republished: [valid.kid, second.kid],
    });
  });

  const leftOut: [what: string, key: Jwk][] = [
    ["an elliptic key", { ...elliptic, kid: "ec", use: "sig" }],
    ["a key for encryption", { ...second, use: "enc" }],
    ["a symmetric key", { kty: "oct", k: "c2VjcmV0", kid: "oct", use: "sig" }],
  ];
  for (const [what, key] of leftOut) {
    test(`is accepted without ${what}, which is not republished either`, () => {
      assert.deepEqual(outcomeOf(accept(key, valid)), { trusted: [valid.kid], republished: [valid.kid] });
    });
  }

  const otherIssuers = ["common/v2.0", "{tenantid}/v2.0"].map((path) => `https://${cloud.authorityHost}/${path}`);
  for (const issuer of otherIssuers) {
    test(`is republished with a key of the issuer ${issuer}, which verifies none of our tokens`, () => {
      assert.deepEqual(outcomeOf(accept({ ...second, issuer }, valid)), {
        trusted: [valid.kid],
        republished: [second.kid, valid.kid],
      });
    });
  }

  const contradictory = "jwks_key_contradictory";
  const refused: [what: string, keys: unknown[], reason: string][] = [
    ["without keys", [], "jwks_without_usable_key"],
    ["with nothing but keys that are left out", leftOut.map(([, key]) => key), "jwks_without_usable_key"],
    ["with nothing but keys of another issuer", [{ ...second, issuer: otherIssuers[0] }], "jwks_without_usable_key"],
    ["with a key that is no object", ["key"], contradictory],
    ["with a short key", [keyOf(short)], contradictory],
    ["with the exponent 1", [{ ...valid, e: "AQ" }], contradictory],
    ["with a certificate of the exponent 1", [weakKey], contradictory],
    ["with an elliptic certificate", [{ ...valid, x5c: [ellipticCertificate] }], contradictory],
    ["with n of another key", [{ ...valid, n: second.n }], contradictory],
    ["with n in another spelling", [{ ...valid, n: `${valid.n}=` }], contradictory],
    ["with n that is no number", [{ ...valid, n: "!" }], contradictory],
    ["with the certificate of another key", [{ ...valid, x5c: second.x5c }], contradictory],
    ["with the thumbprint of another key", [{ ...valid, x5t: second.x5t }], contradictory],
    ["without a thumbprint", [{ ...valid, x5t: undefined }], contradictory],
    ["without a certificate", [{ ...valid, x5c: undefined }], contradictory],
    ["with an empty list of certificates", [{ ...valid, x5c: [] }], contradictory],
    ["with garbage for a certificate", [{ ...valid, x5c: ["AAAA"] }], contradictory],
    ["with something behind a certificate", [{ ...valid, x5c: [`${signing.certificate}AAAA`] }], contradictory],
    ["with a certificate in lines", [{ ...valid, x5c: [`${signing.certificate}\n`] }], contradictory],
    ["with the name of another key", [{ ...valid, kid: second.kid }], contradictory],
    ["with an empty name", [{ ...valid, kid: "" }], contradictory],
    ["without a name", [{ ...valid, kid: undefined }], contradictory],
    ["with escape characters in a name", [{ ...valid, kid: `${valid.kid}\u001b[2J` }], contradictory],
    ["with a NUL in a name", [{ ...valid, kid: `${valid.kid}\u0000` }], contradictory],
    ["with one key twice", [valid, valid], contradictory],
    ["with one kid for two keys", [valid, { ...second, kid: valid.kid }], contradictory],
    ["of which one key for another issuer is forged", [valid, { ...second, n: valid.n, issuer: "x" }], contradictory],
    ["with more keys than anybody has", Array.from({ length: 257 }, () => valid), "jwks_too_many_keys"],
  ];
  const rules: [rule: string, keys: unknown[]][] = [
    ["a key is not an object", [valid, "key"]],
    ["x5c is not a list of certificates", [{ ...valid, x5c: signing.certificate }]],
    ["x5c: the key is too short", [keyOf(short)]],
    ["x5c is not base64 of a certificate", [{ ...valid, x5c: [` ${signing.certificate}`] }]],
    ["n and e are not the key of x5c", [{ ...valid, n: second.n }]],
    ["x5t is not the thumbprint of x5c", [{ ...valid, x5t: second.kid }]],
    ["kid is not the thumbprint of x5c", [{ ...valid, kid: second.kid }]],
    ["two keys have one kid", [valid, second, valid]],
  ];
  for (const [rule, keys] of rules) {
    test(`is refused with the violated rule: ${rule}`, () => {
      assert.deepEqual(accept(...keys), { ok: false, refusal: { reason: contradictory, rule } });
    });
  }

  test("with 256 keys is read, and with one more refused with that number", () => {
    const refusalOf = (count: number) => {
      const result = accept(...Array.from({ length: count }, () => ({ kty: "oct" })));
      return !result.ok && result.refusal;
    };
    assert.deepEqual(refusalOf(256), { reason: "jwks_without_usable_key" });
    assert.deepEqual(refusalOf(257), { reason: "jwks_too_many_keys", maxKeys: 256 });
  });

  for (const text of ["", "{", "[]", "{}", '{"keys":{}}', '{"keys":null}']) {
    test(`that is ${JSON.stringify(text)} is refused`, () => {
      const result = acceptJwks(encode(text), source, cloud);
      assert.deepEqual(result, { ok: false, refusal: { reason: "jwks_not_readable" } });
    });
  }

  for (const [what, keys, reason] of refused) {
    test(`is refused ${what}`, () => assert.equal(outcomeOf(accept(...keys)), reason));
  }

  const { kid, n, e, certificate } = signing;
  const known = [{ kid, n, e, certificate }];
  const impostors: [what: string, key: Jwk][] = [
    ["n of another key", { ...valid, n: second.n }],
    ["the exponent 1", { ...valid, e: "AQ" }],
    ["another key and no certificate", { kty: "RSA", kid, n: second.n, e }],
    ["another certificate", { ...valid, x5c: second.x5c }],
    ["another key of another kind", { ...elliptic, kid, use: "sig" }],
    ["another key for encryption", { ...second, kid, use: "enc" }],
  ];
  for (const [what, key] of impostors) {
    test(`with the name of a known key beside ${what} is refused as forged, with the key and its name`, () => {
      const result = acceptJwks(encode({ keys: [second, key] }), source, cloud, known);
      assert.deepEqual(!result.ok && result.refusal, { reason: "jwks_known_key_changed", kid });
    });
  }

  test("with two known keys that have changed is refused with the name of the first", () => {
    const { n, e, kid, certificate } = other;
    const both = [...known, { kid, n, e, certificate }];
    const keys = [
      { ...second, n: valid.n },
      { ...valid, n: second.n },
    ];
    const result = acceptJwks(encode({ keys }), source, cloud, both);
    assert.deepEqual(!result.ok && result.refusal, { reason: "jwks_known_key_changed", kid });
  });

  test("with the known keys themselves is accepted", () => {
    assert.ok(acceptJwks(encode({ keys: [valid, second] }), source, cloud, known).ok);
  });

  test("with a duplicate member is republished with the value that was checked", () => {
    const text = JSON.stringify({ keys: [valid] }).replace(`"n":`, `"n":"${second.n}","n":`);
    const accepted = acceptJwks(encode(text), source, cloud);
    assert.ok(accepted.ok);
    assert.deepEqual(JSON.parse(Buffer.from(accepted.value.body).toString("utf8")), { keys: [valid] });
    assert.ok(!Buffer.from(accepted.value.body).includes(String(second.n)));
  });

  test("of a tenant-independent endpoint keeps the keys for every tenant, and none that is for a single tenant only", () => {
    const every = { ...valid, issuer: `https://${cloud.authorityHost}/{tenantid}/v2.0` };
    const consumers = { ...second, issuer: `https://${cloud.authorityHost}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0` };
    const accepted = acceptJwks(encode({ keys: [every, consumers] }), { tenant: "common" }, cloud);
    assert.deepEqual(outcomeOf(accepted), { trusted: [valid.kid], republished: [valid.kid, second.kid] });
  });

  test("names its keys like Entra, by the thumbprint of the certificate", () => {
    const { raw } = new X509Certificate(Buffer.from(signing.certificate, "base64"));
    assert.equal(valid.kid, createHash("sha1").update(raw).digest("base64url"));
  });

  const seed = 20261121;
  test(`never throws, for any bytes (seed ${seed})`, () => {
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
