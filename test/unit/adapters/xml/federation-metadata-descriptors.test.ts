/** The attack matrix, metadata: roles, keys and certificates that are missing, odd, weak, or duplicated. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { verifyFederationMetadata } from "../../../../src/adapters/xml/federation-metadata.ts";
import { makeEllipticCurve, makeRsa, withExponentOne } from "../../../support/fixtures/certificates.ts";
import {
  attacker,
  entra,
  identityProvider,
  keyDescriptor,
  listing,
  metadataNamespace,
  party,
  replaced,
  roles,
  rootId,
  signatureNamespace,
  unsigned,
} from "../../../support/fixtures/federation-metadata.ts";
import {
  type Attack,
  extensions,
  inSigned,
  refusesAll,
} from "../../../support/fixtures/federation-metadata-attacks.ts";
import { genuine, rootOf, sign } from "../../../support/fixtures/federation-metadata-signing.ts";

const ellipticCurve = party(await makeEllipticCurve());
const shortRsa = party(await makeRsa(1024));
const exponentOne = withExponentOne(Buffer.from(entra.certificate, "base64")).toString("base64");

const descriptors: Attack[] = [
  [
    "a document inside EntitiesDescriptor",
    () => `<EntitiesDescriptor xmlns="${metadataNamespace}">${rootOf(genuine())}</EntitiesDescriptor>`,
    "root_not_entity_descriptor",
  ],
  [
    "an EntityDescriptor of another namespace",
    () => sign(unsigned().replaceAll(metadataNamespace, "urn:x")),
    "root_not_entity_descriptor",
  ],
  ["no entityID", () => sign(unsigned({ rootAttributes: `ID="${rootId}"` })), "entity_id_missing"],
  ["no roles", () => sign(unsigned({ body: "" })), "descriptor_not_single"],
  [
    "no identity provider",
    () => sign(replaced(unsigned({ idp: "" }), identityProvider(""), "")),
    "descriptor_not_single",
  ],
  ["no security token service", inSigned(":SecurityTokenServiceType", ":OtherType"), "descriptor_not_single"],
  [
    "a role whose type only ends like the security token service's",
    inSigned(`"fed:SecurityTokenServiceType`, `"other fed:SecurityTokenServiceType`),
    "descriptor_not_single",
  ],
  [
    "a role whose type only starts like the security token service's",
    inSigned(":SecurityTokenServiceType", ":SecurityTokenServiceTypes"),
    "descriptor_not_single",
  ],
  [
    "roles that are not children of the root",
    () => {
      const { sts = "", application = "", idp = "" } = listing(entra.certificate);
      return sign(unsigned({ body: extensions(roles({ sts, application, idp })) }));
    },
    "descriptor_not_single",
  ],
  ["no key", () => sign(unsigned(listing())), "key_info_not_listed"],
  ["no key and no KeyInfo", () => sign(unsigned(listing()), { keyInfo: undefined }), "signed_by_no_listed_key"],
  [
    "keys for encryption only",
    () => {
      const keys = keyDescriptor(entra.certificate, ` use="encryption"`);
      return sign(unsigned({ sts: keys, application: keys, idp: keys }));
    },
    "key_info_not_listed",
  ],
  [
    "65 keys",
    () => sign(unsigned({ extensions: keyDescriptor(entra.certificate).repeat(59) })),
    "key_descriptors_too_many",
  ],
  [
    "65 keys for encryption",
    () => sign(unsigned({ extensions: keyDescriptor("?", ` use="encryption"`).repeat(59) })),
    "key_descriptors_too_many",
  ],
  ["a use that is none", inSigned(`use="signing"`, `use="Signing"`), "key_descriptor_not_readable"],
  [
    "a use in another namespace",
    inSigned(`use="signing"`, `xmlns:x="x" x:use="encryption"`),
    "key_descriptor_not_readable",
  ],
  [
    "a use that is not the only attribute",
    inSigned(`use="signing"`, `use="signing" x="y"`),
    "key_descriptor_not_readable",
  ],
  ["an empty KeyDescriptor", () => sign(unsigned({ extensions: "<KeyDescriptor/>" })), "key_descriptor_not_readable"],
  [
    "a KeyInfo of another namespace",
    () => {
      const wrong = `<X509Data xmlns="${signatureNamespace}"><X509Certificate>${entra.certificate}</X509Certificate></X509Data>`;
      return sign(unsigned({ extensions: `<KeyDescriptor><KeyInfo>${wrong}</KeyInfo></KeyDescriptor>` }));
    },
    "key_descriptor_not_readable",
  ],
  [
    "a KeyValue beside the certificate",
    inSigned("</X509Data>", "</X509Data><KeyValue/>"),
    "key_descriptor_not_readable",
  ],
  [
    "two certificates in one KeyInfo",
    inSigned("</X509Certificate>", `</X509Certificate><X509Certificate>${attacker.certificate}</X509Certificate>`),
    "key_descriptor_not_readable",
  ],
  [
    "a KeyValue beside the certificate, and a second certificate too",
    inSigned(
      "</X509Certificate></X509Data>",
      `</X509Certificate><X509Certificate>${attacker.certificate}</X509Certificate></X509Data><KeyValue/>`,
    ),
    "key_descriptor_not_readable",
  ],
  [
    "an empty KeyInfo",
    () => sign(unsigned({ extensions: `<KeyDescriptor><KeyInfo xmlns="${signatureNamespace}"/></KeyDescriptor>` })),
    "key_descriptor_not_readable",
  ],
  [
    "an element inside a certificate",
    inSigned("</X509Certificate>", "<x/></X509Certificate>"),
    "key_descriptor_not_readable",
  ],
  [
    "an encryption method for a signing key",
    inSigned("</KeyInfo></KeyDescriptor>", "</KeyInfo><EncryptionMethod/></KeyDescriptor>"),
    "key_descriptor_not_readable",
  ],
  [
    "one certificate that is not base64",
    () => sign(unsigned({ extensions: keyDescriptor("?") })),
    "certificate_not_readable",
  ],
  [
    "one certificate that is empty",
    () => sign(unsigned({ extensions: keyDescriptor("") })),
    "certificate_not_readable",
  ],
  [
    "one certificate that is garbage",
    () => sign(unsigned({ extensions: keyDescriptor("AAAA") })),
    "certificate_not_readable",
  ],
  [
    "a certificate in base64 of the URL alphabet",
    () => sign(unsigned({ extensions: keyDescriptor(entra.certificate.replaceAll("+", "-").replaceAll("/", "_")) })),
    "certificate_not_readable",
  ],
  [
    "a certificate with bytes after its end",
    () => sign(unsigned({ extensions: keyDescriptor(withBytesAfter(entra.certificate)) })),
    "certificate_not_readable",
  ],
  [
    "a certificate that is cut",
    () => sign(unsigned({ extensions: keyDescriptor(entra.certificate.slice(0, 400)) })),
    "certificate_not_readable",
  ],
  [
    "a certificate in PEM",
    () => sign(unsigned({ extensions: keyDescriptor(inPem(entra.certificate)) })),
    "certificate_not_readable",
  ],
  [
    "an elliptic curve",
    () => sign(unsigned({ extensions: keyDescriptor(ellipticCurve.certificate) })),
    "certificate_not_rsa",
  ],
  [
    "RSA with 1024 bits",
    () => sign(unsigned({ extensions: keyDescriptor(shortRsa.certificate) })),
    "certificate_key_too_short",
  ],
  [
    "a document that is signed with RSA of 1024 bits",
    () => sign(unsigned(listing(shortRsa.certificate)), { by: shortRsa }),
    "certificate_key_too_short",
  ],
  [
    "RSA with the exponent 1, with which everybody signs",
    () => sign(unsigned({ extensions: keyDescriptor(exponentOne) })),
    "certificate_exponent_not_allowed",
  ],
];

function withBytesAfter(certificate: string): string {
  return Buffer.concat([Buffer.from(certificate, "base64"), Buffer.from([0])]).toString("base64");
}

function inPem(certificate: string): string {
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`;
  return Buffer.from(pem).toString("base64");
}

refusesAll("odd metadata", descriptors);

describe("a certificate that cannot be read is refused with the rule that it breaks", () => {
  const rules: [certificate: string, rule: string][] = [
    ["?", "must be base64"],
    ["AAAA", "must be an X.509 certificate"],
    [withBytesAfter(entra.certificate), "must be one certificate in DER"],
  ];
  for (const [certificate, rule] of rules) {
    test(rule, () => {
      const document = sign(unsigned({ extensions: keyDescriptor(certificate) }));
      const refusal = { reason: "certificate_not_readable", rule };
      assert.deepEqual(verifyFederationMetadata(Buffer.from(document)), { ok: false, refusal });
    });
  }
});
