import assert from "node:assert/strict";
import { constants, createHash, sign } from "node:crypto";
import { describe, test } from "node:test";
import { compactVerify, importX509 } from "jose";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { parseSigningCertificate } from "../../../../src/domain/signing/certificate.ts";
import * as module from "../../../../src/domain/signing/client-assertion.ts";
import { isSignedBy as isSignedByIn } from "../../../../src/domain/signing/sign.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { signatureBy } from "../../../support/fakes/signer.ts";
import { decodeAssertion } from "../../../support/fixtures/assertion.ts";
import {
  certificateNotAfterMs,
  certificateNotBeforeMs,
  foreign,
  registered,
} from "../../../support/fixtures/certificates.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

const { buildClientAssertion } = module;
const parsed = parseSigningCertificate(keyId, registered.pem, clouds.public);
if (Array.isArray(parsed)) throw new TypeError(parsed.join());
const certificate = parsed;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
const build = (cloud = clouds.public) =>
  buildClientAssertion(certificate, { cloud, clientId, tenantId: contosoId, nowSeconds: startMs / 1000 });

describe("a client assertion", () => {
  test("verifies as a JWS with PS256 in an independent library", async () => {
    const { signingInput, bytes } = build();
    const signature = Buffer.from(signatureBy(registered.privateKey, sha256(bytes))).toString("base64url");
    const key = await importX509(registered.pem, "PS256");
    const { protectedHeader } = await compactVerify(`${signingInput}.${signature}`, key, { algorithms: ["PS256"] });
    assert.deepEqual(Object.keys(protectedHeader), ["alg", "typ", "x5t#S256"]);
  });

  test("is signed by PS256 over its signing input, base64url without padding", () => {
    const { signingInput, algorithm, bytes } = build();
    assert.equal(algorithm, "PS256");
    assert.equal(Buffer.from(bytes).toString(), signingInput);
    assert.match(signingInput, /^[\w-]+\.[\w-]+$/);
  });

  test("is valid for 120 s, according to its claims", () => {
    const { signingInput, expiresAt } = build();
    const { claims } = decodeAssertion(signingInput);
    assert.equal(claims.exp, startMs / 1000 + 120);
    assert.equal(expiresAt, claims.exp);
  });

  for (const cloud of Object.values(clouds)) {
    test(`names the token endpoint of the cloud ${cloud.name}`, () => {
      const { claims } = decodeAssertion(build(cloud).signingInput);
      assert.equal(claims.aud, `https://${cloud.authorityHost}/${contosoId}/oauth2/v2.0/token`);
    });
  }

  test("is built by the only function of its module that creates input for a signature", () => {
    assert.deepEqual(Object.keys(module).sort(), ["buildClientAssertion", "clientAssertionType"]);
    assert.equal(buildClientAssertion.length, 2);
  });
});

describe("isSignedBy", () => {
  const { bytes } = build();
  const digest = sha256(bytes);
  const isSignedBy = (signature: Uint8Array, over = bytes) => isSignedByIn(certificate, "PS256", over, signature);

  test("accepts a signature by the registered key with the requested algorithm", () => {
    assert.ok(isSignedBy(signatureBy(registered.privateKey, digest)));
    const rs256 = signatureBy(registered.privateKey, digest, "RS256");
    assert.ok(isSignedByIn(certificate, "RS256", bytes, rs256));
  });

  test("refuses another key's", () => assert.ok(!isSignedBy(signatureBy(foreign.privateKey, digest))));

  test("refuses one over other bytes", () => {
    assert.ok(!isSignedBy(signatureBy(registered.privateKey, digest), Buffer.concat([bytes, bytes])));
  });

  test("refuses RS256 instead of PS256, and vice versa", () => {
    assert.ok(!isSignedBy(signatureBy(registered.privateKey, digest, "RS256")));
    const ps256 = signatureBy(registered.privateKey, digest, "PS256");
    assert.ok(!isSignedByIn(certificate, "RS256", bytes, ps256));
  });

  test("refuses PS256 with another salt length (RFC 7518 §3.5)", () => {
    const key = { key: registered.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 };
    assert.ok(!isSignedBy(sign("sha256", bytes, key)));
  });
});

describe("a signing certificate", () => {
  test("has key name, version, thumbprint and validity", () => {
    const der = Buffer.from(registered.pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    assert.equal(certificate.x5tS256, createHash("sha256").update(der).digest("base64url"));
    assert.deepEqual(
      [certificate.keyName, certificate.keyVersion, certificate.notBeforeMs, certificate.notAfterMs],
      ["client-assertion", "0123456789abcdef0123456789abcdef", certificateNotBeforeMs, certificateNotAfterMs],
    );
  });

  test("accepts a key of each cloud's vault in that cloud only", () => {
    for (const own of Object.values(clouds)) {
      for (const other of Object.values(clouds)) {
        const id = keyId.replace(".vault.azure.net", other.vaultHostSuffix);
        assert.equal(Array.isArray(parseSigningCertificate(id, registered.pem, own)), own !== other);
      }
    }
  });
});
