/** Genuine documents are read. Attacks are in the files beside this one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { verifyFederationMetadata } from "../../../../src/adapters/xml/federation-metadata.ts";
import { maxMetadataBytes } from "../../../../src/adapters/xml/signed-metadata.ts";
import type { FederationMetadata } from "../../../../src/domain/metadata/federation-metadata.ts";
import { certificateNotAfterMs } from "../../../support/fixtures/certificates.ts";
import {
  attacker,
  entityId,
  entra,
  entraNext,
  keyDescriptor,
  listing,
  rootId,
  samlUrl,
  unsigned,
  wsFederationUrl,
} from "../../../support/fixtures/federation-metadata.ts";
import { genuine, rsaSha256, sha256, sign, split } from "../../../support/fixtures/federation-metadata-signing.ts";

const verify = (document: string) => verifyFederationMetadata(Buffer.from(document));
const kid = (certificate: string) => createHash("sha1").update(Buffer.from(certificate, "base64")).digest("base64url");

function accepted(document: string): FederationMetadata {
  const result = verify(document);
  if (!result.ok) assert.fail(JSON.stringify(result.refusal));
  return result.value;
}

describe("a genuine document", () => {
  test("is read: issuer, signer, keys of both roles, endpoints", () => {
    const certificate = ({ certificate: der }: { certificate: string }) => ({
      thumbprint: kid(der),
      der,
      modulusBits: 2048,
      notAfterMs: certificateNotAfterMs,
    });
    const both = [certificate(entra), certificate(entraNext)];
    const bindings = "urn:oasis:names:tc:SAML:2.0:bindings:";
    assert.deepEqual(accepted(genuine()), {
      entityId,
      signedBy: kid(entra.certificate),
      idpCertificates: both,
      stsCertificates: both,
      singleSignOnServices: [
        { binding: `${bindings}HTTP-Redirect`, location: samlUrl },
        { binding: `${bindings}HTTP-POST`, location: samlUrl },
      ],
      singleLogoutServices: [{ binding: `${bindings}HTTP-Redirect`, location: samlUrl }],
      otherEndpoints: [wsFederationUrl, wsFederationUrl, wsFederationUrl],
    });
  });

  const variants: [name: string, document: () => string][] = [
    ["with a byte order mark", () => `\ufeff${genuine()}`],
    ["without an XML declaration", () => genuine().replace(/^<\?xml.*?\?>/, "")],
    ["with white space after the root", () => `${genuine()}\r\n`],
    [
      "with attributes that begin or end like an identifier, and are none",
      () => sign(unsigned({ extensions: `<Extensions idle="${rootId}" grid="${rootId}"/>` })),
    ],
    ["without KeyInfo", () => sign(unsigned(), { keyInfo: undefined })],
    [
      "with the signature as the last child",
      () => sign(unsigned(), { location: { reference: "/*", action: "append" } }),
    ],
    [
      "with line breaks in its base64",
      () => sign(unsigned(listing(`\r\n ${entra.certificate.replace(/.{76}/g, "$&\r\n ")}\t`, entraNext.certificate))),
    ],
    [
      "with a key for both purposes",
      () =>
        sign(
          unsigned(listing(entraNext.certificate)).replaceAll(
            /(<\/KeyDescriptor>)/g,
            `$1${keyDescriptor(entra.certificate, "")}`,
          ),
        ),
    ],
    [
      "with an encryption key that nobody can read",
      () => sign(unsigned({ extensions: keyDescriptor("?", ` use="encryption"`) })),
    ],
  ];
  for (const [name, document] of variants) {
    test(`is read ${name}`, () => assert.equal(accepted(document()).signedBy, kid(entra.certificate)));
  }

  for (const hash of ["sha256", "sha384", "sha512"] as const) {
    test(`is read if it is signed with RSA and ${hash}`, () => {
      const signature = rsaSha256.replace("sha256", hash);
      const digest =
        hash === "sha384" ? "http://www.w3.org/2001/04/xmldsig-more#sha384" : sha256.replace("sha256", hash);
      assert.equal(accepted(sign(unsigned(), { signature, digest })).signedBy, kid(entra.certificate));
    });
  }

  test("reports which of the listed keys has signed", () => {
    assert.equal(accepted(sign(unsigned(), { by: entraNext })).signedBy, kid(entraNext.certificate));
    assert.equal(
      accepted(sign(unsigned(), { by: entraNext, keyInfo: undefined })).signedBy,
      kid(entraNext.certificate),
    );
  });

  test("is read if its signer is listed for one role only: acceptance compares the roles", () => {
    for (const role of ["idp", "sts"] as const) {
      const document = sign(unsigned({ ...listing(entraNext.certificate), [role]: keyDescriptor(entra.certificate) }));
      assert.equal(accepted(document).signedBy, kid(entra.certificate));
    }
  });

  test("does not count an encryption key as a signing key", () => {
    const encryption = keyDescriptor(attacker.certificate, ` use="encryption"`);
    const { idp = "", sts = "" } = listing(entra.certificate);
    const { idpCertificates, stsCertificates } = accepted(
      sign(unsigned({ idp: encryption + idp, sts: sts + encryption })),
    );
    assert.deepEqual([idpCertificates.length, stsCertificates.length], [1, 1]);
  });

  test("is read with 64 keys, and up to one mebibyte", () => {
    const many = Array.from({ length: 32 }, () => keyDescriptor(entra.certificate)).join("");
    const document = sign(unsigned({ idp: many, sts: many, application: "" }));
    assert.equal(accepted(document + " ".repeat(maxMetadataBytes - document.length)).idpCertificates.length, 32);
  });

  test("reports every URL to which a reader could be sent, and no name of a scope", () => {
    const services =
      `<ArtifactResolutionService index="0" Binding="b" Location="https://a.example/"/>` +
      `<SingleLogoutService Binding="b" Location="${samlUrl}" ResponseLocation="https://b.example/"/>`;
    const { idp = "" } = listing(entra.certificate);
    const { otherEndpoints } = accepted(sign(unsigned({ idp: services + idp })));
    assert.deepEqual(otherEndpoints.slice(3), ["https://a.example/", "https://b.example/"]);
  });
});

describe("a document may have", () => {
  const nested = (levels: number) => "<Extensions>".repeat(levels) + "</Extensions>".repeat(levels);
  const attributes = (count: number) => Array.from({ length: count }, (_, i) => ` a${i}="b"`).join("");
  const elements = (count: number) => "<Extensions/>".repeat(count - unsigned().split(/<[A-Za-z]/).length + 1);
  const signatureElements = split(genuine()).signature.split(/<[A-Za-z]/).length - 1;
  const limits: [limit: string, most: string, tooMany: string][] = [
    ["depth", nested(11), nested(12)],
    ["attributes of an element", `<Extensions${attributes(12)}/>`, `<Extensions${attributes(13)}/>`],
    ["elements", elements(1024 - signatureElements), elements(1025 - signatureElements)],
  ];
  for (const [limit, most, tooMany] of limits) {
    test(`this much and no more: ${limit}`, () => {
      assert.ok(verify(sign(unsigned({ extensions: most }))).ok);
      const refusal = { reason: "xml_too_complex", limit };
      assert.deepEqual(verify(sign(unsigned({ extensions: tooMany }))), { ok: false, refusal });
    });
  }
});

/**
 * No mistake: nothing inside a document tells Entra's key from anybody else's. That this document does not come from
 * Entra is what pinned TLS finds out, and that no known key vouches for it is what continuity finds out.
 */
test("a document that an attacker signed and that lists the attacker's key is verified, with the attacker as signer", () => {
  const document = sign(unsigned(listing(attacker.certificate)), { by: attacker });
  assert.equal(accepted(document).signedBy, kid(attacker.certificate));
});
