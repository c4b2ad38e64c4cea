/** Which certificates hold a key of an identity provider, and that a stored key is that of its certificate. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import { readPublishedKey, verifyPublishedKey } from "../../../../src/domain/metadata/published-key.ts";
import { makeEllipticCurve, withExponentOne } from "../../../support/fixtures/certificates.ts";

const { kid, n, e, certificate } = await generateSigningKey();
const key = { kid, n, e, certificate };
const other = await generateSigningKey();
const der = Buffer.from(certificate, "base64");
const { publicKey } = new X509Certificate(der);
const short = Buffer.from((await generateSigningKey({ modulusLength: 2040 })).certificate, "base64");
const elliptic = new X509Certificate((await makeEllipticCurve()).pem).raw;

test("the key of a certificate has the thumbprint as its name, and the certificate's own modulus and exponent", () => {
  const read = readPublishedKey(der);
  assert.ok(read.ok);
  assert.deepEqual(read.value.key, key);
  assert.ok(read.value.publicKey.equals(publicKey));
});

describe("a certificate is refused", () => {
  const refused: [rule: string, der: Uint8Array][] = [
    ["the certificate is not readable", Buffer.from("certificate")],
    ["the certificate is not exactly one in DER", Buffer.concat([der, Buffer.from([0])])],
    ["the certificate is not exactly one in DER", Buffer.from(new X509Certificate(der).toString())],
    ["the key is not RSA", elliptic],
    ["the key is too short", short],
    ["the public exponent is not 65537", withExponentOne(der)],
  ];
  for (const [rule, bytes] of refused) {
    test(`because of ${rule} (${bytes.length} bytes)`, () => {
      assert.deepEqual(readPublishedKey(bytes), { ok: false, refusal: rule });
    });
  }
});

describe("a stored key", () => {
  test("is the public key of its certificate", () => {
    assert.ok(verifyPublishedKey(key)?.equals(publicKey));
  });

  const changes: Record<string, Partial<typeof key>> = {
    "has the name of another": { kid: other.kid },
    "has the modulus of another": { n: other.n },
    "has another exponent": { e: "Aw" },
    "has the certificate of another": { certificate: other.certificate },
    "has a certificate in another spelling": { certificate: `${certificate.slice(0, 64)}\n${certificate.slice(64)}` },
    "has no certificate": { certificate: "" },
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`that ${what} is invalid`, () => assert.equal(verifyPublishedKey({ ...key, ...change }), undefined));
  }
});
