/** A document in storage is one of ours, or is refused. How instances react: domain/metadata/stored-idp.test.ts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { verifyIdpDocument } from "../../../../src/adapters/xml/idp-document.ts";
import { buildIdpDocument } from "../../../../src/domain/metadata/idp-document.ts";
import type { MetadataRefusal } from "../../../../src/domain/metadata/refusal.ts";
import {
  attacker,
  entityId,
  entra,
  entraNext,
  identityProvider,
  keyDescriptor,
  metadataNamespace,
  replaced,
  rootId,
  samlUrl,
} from "../../../support/fixtures/federation-metadata.ts";
import { type Signing, sign } from "../../../support/fixtures/federation-metadata-signing.ts";

const validUntilMs = Date.UTC(2026, 11, 1);
/** The publisher's own certificates: one that signs, one that retires. Entra's keys are what the document lists. */
const [publisher, retiring] = [entra, entraNext];
const publisherDers = [publisher.certificate, retiring.certificate];
const endpoint = { binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", location: samlUrl };
const listed = [
  { thumbprint: "", der: entraNext.certificate, modulusBits: 2048, notAfterMs: 0 },
  { thumbprint: "", der: attacker.certificate, modulusBits: 2048, notAfterMs: 0 },
];
const unsigned = buildIdpDocument(
  { entityId, idpCertificates: listed, singleSignOnServices: [endpoint], singleLogoutServices: [endpoint] },
  { id: rootId, validUntilMs },
);

const verify = (document: string, ders: readonly string[] = publisherDers) =>
  verifyIdpDocument(Buffer.from(document), ders);

describe("one of our documents is read: its tenant, how long it is valid, and the keys that it lists", () => {
  for (const by of [publisher, retiring]) {
    test(`if ${by === publisher ? "the active" : "the retiring"} certificate has signed it`, () => {
      const certificates = listed.map(({ der }) => der);
      assert.deepEqual(verify(sign(unsigned, { by })), { ok: true, value: { entityId, validUntilMs, certificates } });
    });
  }

  test("and one without a readable time is already expired", () => {
    const read = verify(sign(replaced(unsigned, /validUntil="[^"]*"/.exec(unsigned)?.[0] ?? "", `validUntil="x"`)));
    assert.ok(read.ok && Number.isNaN(read.value.validUntilMs));
  });
});

describe("a document is refused", () => {
  const cases: [what: string, document: () => string, reason: MetadataRefusal["reason"]][] = [
    ["that an attacker has signed and names", () => sign(unsigned, { by: attacker }), "key_info_not_listed"],
    [
      "that an attacker has signed and that names the publisher",
      () => sign(unsigned, { by: attacker, keyInfo: publisher.certificate }),
      "signed_by_no_listed_key",
    ],
    [
      "that the active certificate has signed and that names the retiring one",
      () => sign(unsigned, { by: publisher, keyInfo: retiring.certificate }),
      "signed_by_no_listed_key",
    ],
    ["that names nobody", () => sign(unsigned, { keyInfo: undefined }), "key_info_not_listed"],
    [
      "with another validity than was signed",
      () => replaced(sign(unsigned), "2026-12-01T", "2027-12-01T"),
      "digest_mismatch",
    ],
    [
      "with a second identity provider",
      () =>
        sign(replaced(unsigned, "</EntityDescriptor>", `${identityProvider("")}</EntityDescriptor>`), {
          by: publisher,
        }),
      "descriptor_not_single",
    ],
    [
      "with an identity provider of another namespace only",
      () => sign(replaced(unsigned, "<IDPSSODescriptor", `<IDPSSODescriptor xmlns="urn:x"`)),
      "descriptor_not_single",
    ],
    [
      "that lists a key that cannot be read",
      () => sign(replaced(unsigned, "</EntityDescriptor>", `${keyDescriptor("?")}</EntityDescriptor>`)),
      "certificate_not_readable",
    ],
    [
      "of several entities",
      () => `<EntitiesDescriptor xmlns="${metadataNamespace}">${sign(unsigned)}</EntitiesDescriptor>`,
      "root_not_entity_descriptor",
    ],
    ["that is no XML", () => "Service Unavailable", "xml_not_well_formed"],
  ];
  for (const [what, document, reason] of cases) {
    test(what, () => {
      const read = verify(document());
      assert.equal(read.ok ? "accepted" : read.refusal.reason, reason);
    });
  }

  test("if there is no publisher", () => {
    const refusal = { reason: "key_info_not_listed" };
    assert.deepEqual(verify(sign(unsigned), []), { ok: false, refusal });
  });
});

/** The attribute stands where the signature reaches, so the two readings differ only if the reader does. */
test("a key that is listed outside the signed part is not a key of the document", () => {
  const signed: Partial<Signing> = { by: publisher };
  const extended = replaced(sign(unsigned, signed), "<KeyInfo>", `<KeyInfo>${keyDescriptor(attacker.certificate)}`);
  const read = verify(extended);
  assert.equal(read.ok ? "accepted" : read.refusal.reason, "key_descriptor_not_readable");
});
