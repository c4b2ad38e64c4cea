/**
 * The attack matrix, signatures: wrong keys, signature wrapping, algorithms and shapes that Entra does not use.
 */
import {
  attacker,
  entityId,
  entra,
  entraNext,
  identityProvider,
  keyDescriptor,
  listing,
  metadataNamespace,
  replaced,
  role,
  rootId,
  signatureNamespace,
  unsigned,
} from "../../../support/fixtures/federation-metadata.ts";
import {
  type Attack,
  extensions,
  inGenuine,
  inSigned,
  refusesAll,
} from "../../../support/fixtures/federation-metadata-attacks.ts";
import {
  enveloped,
  exclusive,
  genuine,
  inclusive,
  rootOf,
  rsaSha256,
  sha256,
  sign,
  split,
} from "../../../support/fixtures/federation-metadata-signing.ts";

/** Of an attacker: the root of the tenant's metadata with the attacker's keys, and whatever else. */
function evilRoot(rootAttributes: string, extensions: string): string {
  return rootOf(unsigned({ ...listing(attacker.certificate), rootAttributes, extensions }));
}
const evilId = `ID="_evil" entityID="${entityId}"`;
const sameId = `ID="${rootId}" entityID="${entityId}"`;
const objectOf = (content: string) => `<Object>${content}</Object>`;
const afterSignature = "</Signature>";

const signers: Attack[] = [
  ["a document without a signature", () => unsigned(), "signature_missing"],
  [
    "a changed entityID",
    inGenuine(`entityID="${entityId}"`, `entityID="https://sts.windows.net/evil/"`),
    "digest_mismatch",
  ],
  ["a changed endpoint", inGenuine("/saml2", "/evil"), "digest_mismatch"],
  [
    "one certificate replaced by the attacker's",
    () => {
      const { signature, rest } = split(genuine());
      const changed = replaced(rest, entra.certificate, attacker.certificate);
      return replaced(changed, "<RoleDescriptor", `${signature}<RoleDescriptor`);
    },
    "digest_mismatch",
  ],
  [
    "every certificate replaced by the attacker's, that in KeyInfo too",
    () => genuine().replaceAll(entra.certificate, attacker.certificate),
    "digest_mismatch",
  ],
  [
    "an attacker's signature and KeyInfo over a document that lists only Entra's keys",
    () => sign(unsigned(), { by: attacker }),
    "key_info_not_listed",
  ],
  [
    "an attacker's signature with Entra's certificate in KeyInfo",
    () => sign(unsigned(), { by: attacker, keyInfo: entra.certificate }),
    "signed_by_no_listed_key",
  ],
  [
    "an attacker's signature without KeyInfo",
    () => sign(unsigned(), { by: attacker, keyInfo: undefined }),
    "signed_by_no_listed_key",
  ],
  [
    "an attacker's key that is listed for an application only",
    () => sign(unsigned({ application: keyDescriptor(attacker.certificate) }), { by: attacker }),
    "key_info_not_listed",
  ],
  [
    "an attacker's key that is listed for encryption only",
    () => sign(unsigned({ extensions: keyDescriptor(attacker.certificate, ` use="encryption"`) }), { by: attacker }),
    "key_info_not_listed",
  ],
  [
    "a genuine signature with the attacker's certificate in KeyInfo",
    () => sign(unsigned(), { keyInfo: attacker.certificate }),
    "key_info_not_listed",
  ],
  [
    "a genuine signature with another listed certificate in KeyInfo",
    () => sign(unsigned(), { keyInfo: entraNext.certificate }),
    "signed_by_no_listed_key",
  ],
  ["garbage in KeyInfo", () => sign(unsigned(), { keyInfo: "?" }), "certificate_not_readable"],
];

/** XML signature wrapping: eight ways known from SAML responses, here with metadata, and some that only metadata has. */
const wrappings: Attack[] = [
  [
    "XSW1: the genuine root in an Object of its own signature, at an evil root",
    () => {
      const { signature, rest } = split(genuine());
      return evilRoot(evilId, replaced(signature, afterSignature, objectOf(rootOf(rest)) + afterSignature));
    },
    "signature_shape_not_allowed",
  ],
  [
    "XSW2: the genuine root without its signature in Extensions, the signature at an evil root",
    () => {
      const { signature, rest } = split(genuine());
      return evilRoot(evilId, signature + extensions(rootOf(rest)));
    },
    "reference_not_to_root",
  ],
  [
    "XSW3: an evil root beside the genuine one",
    () =>
      `<EntitiesDescriptor xmlns="${metadataNamespace}">${evilRoot(evilId, "")}${rootOf(genuine())}</EntitiesDescriptor>`,
    "root_not_entity_descriptor",
  ],
  [
    "XSW4: the genuine root with its signature in Extensions of an evil root",
    () => evilRoot(evilId, extensions(rootOf(genuine()))),
    "signature_not_child_of_root",
  ],
  [
    "XSW5: as XSW2, and the evil root has the same ID",
    () => {
      const { signature, rest } = split(genuine());
      return evilRoot(sameId, signature + extensions(rootOf(rest)));
    },
    "id_repeated",
  ],
  [
    "XSW6: as XSW1, and the evil root has the same ID in another spelling",
    () => {
      const { signature, rest } = split(genuine());
      const wrapping = replaced(signature, afterSignature, objectOf(rootOf(rest)) + afterSignature);
      return evilRoot(`Id="${rootId}" entityID="${entityId}"`, wrapping);
    },
    "id_repeated",
  ],
  [
    "XSW7: as XSW4, and a copy of the signature at the evil root",
    () => evilRoot(evilId, split(genuine()).signature + extensions(rootOf(genuine()))),
    "signature_repeated",
  ],
  [
    "XSW8: the genuine root in KeyInfo of its signature, at an evil root",
    () => {
      const { signature, rest } = split(genuine());
      return evilRoot(evilId, replaced(signature, "<KeyInfo>", `<KeyInfo>${rootOf(rest)}`));
    },
    "reference_not_to_root",
  ],
  [
    "an evil identity provider in an Object of the genuine signature",
    inGenuine(afterSignature, objectOf(identityProvider(keyDescriptor(attacker.certificate))) + afterSignature),
    "signature_shape_not_allowed",
  ],
  [
    "an evil identity provider in KeyInfo, where nothing is signed",
    inGenuine("<KeyInfo>", `<KeyInfo>${identityProvider(keyDescriptor(attacker.certificate))}`),
    "key_descriptor_not_readable",
  ],
  [
    "an evil identity provider in SignatureValue",
    inGenuine("</SignatureValue>", `${identityProvider(keyDescriptor(attacker.certificate))}</SignatureValue>`),
    "signature_shape_not_allowed",
  ],
  [
    "an evil identity provider in DigestValue",
    inGenuine("</DigestValue>", `${identityProvider(keyDescriptor(attacker.certificate))}</DigestValue>`),
    "signature_shape_not_allowed",
  ],
  [
    "two identity providers",
    () => sign(unsigned({ extensions: identityProvider(keyDescriptor(entra.certificate)) })),
    "descriptor_not_single",
  ],
  [
    "a second identity provider inside Extensions",
    () => sign(unsigned({ extensions: extensions(identityProvider(keyDescriptor(entra.certificate))) })),
    "descriptor_not_single",
  ],
  [
    "two security token services",
    () => sign(unsigned({ extensions: role("SecurityTokenServiceType", [keyDescriptor(entra.certificate)]) })),
    "descriptor_not_single",
  ],
];

const signatureShapes: Attack[] = [
  ["two signatures", () => sign(genuine()), "signature_repeated"],
  [
    "a signature that is not a child of the root",
    () => sign(unsigned({ extensions: extensions("") }), { location: { reference: "/*/*[1]", action: "append" } }),
    "signature_not_child_of_root",
  ],
  ["two references", () => sign(unsigned(), { references: ["/*", "/*"] }), "reference_not_single"],
  ["a reference without a target", () => sign(unsigned(), { isEmptyUri: true }), "reference_not_to_root"],
  [
    "a reference without a URI",
    inGenuine(`<Reference URI="#${rootId}">`, "<Reference>"),
    "signature_shape_not_allowed",
  ],
  [
    "a reference to another element",
    () => sign(unsigned({ extensions: `<Extensions ID="_other"/>` }), { references: ["/*/*[1]"] }),
    "reference_not_to_root",
  ],
  [
    "a reference by XPointer",
    inGenuine(`URI="#${rootId}"`, `URI="#xpointer(id('${rootId}'))"`),
    "reference_not_to_root",
  ],
  [
    "a second URI in another namespace",
    inGenuine(`<Reference URI=`, `<Reference xmlns:x="x" x:URI="#_other" URI=`),
    "signature_shape_not_allowed",
  ],
  ["no transform for the signature", () => sign(unsigned(), { transforms: [exclusive] }), "transforms_not_allowed"],
  ["no canonicalization", () => sign(unsigned(), { transforms: [enveloped] }), "transforms_not_allowed"],
  [
    "a transform twice",
    () => sign(unsigned(), { transforms: [enveloped, exclusive, exclusive] }),
    "transforms_not_allowed",
  ],
  ["transforms in reverse", () => sign(unsigned(), { transforms: [exclusive, enveloped] }), "transforms_not_allowed"],
  [
    "no transforms",
    inGenuine(/<Transforms>.*<\/Transforms>/.exec(genuine())?.[0] ?? "", "<Transforms/>"),
    "transforms_not_allowed",
  ],
  [
    "comments made part of what is signed",
    () => sign(unsigned(), { transforms: [enveloped, `${exclusive}WithComments`] }),
    "transforms_not_allowed",
  ],
  [
    "inclusive canonicalization of the root",
    () => sign(unsigned(), { transforms: [enveloped, inclusive] }),
    "transforms_not_allowed",
  ],
  [
    "a list of inclusive prefixes",
    inGenuine(
      `<Transform Algorithm="${exclusive}"/>`,
      `<Transform Algorithm="${exclusive}"><InclusiveNamespaces xmlns="${exclusive}" PrefixList="fed"/></Transform>`,
    ),
    "signature_shape_not_allowed",
  ],
  ...[
    "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    `${signatureNamespace}base64`,
  ].map(
    (algorithm): Attack => [
      `the transform ${algorithm}`,
      inGenuine(`<Transform Algorithm="${enveloped}"/>`, `<Transform Algorithm="${algorithm}"/>`),
      "transforms_not_allowed",
    ],
  ),
  [
    "an additional XPath transform",
    inGenuine(
      "</Transforms>",
      `<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>self::x</XPath></Transform></Transforms>`,
    ),
    "transforms_not_allowed",
  ],
  [
    "a second Algorithm in another namespace",
    inGenuine(
      `<DigestMethod Algorithm=`,
      `<DigestMethod xmlns:x="x" x:Algorithm="${signatureNamespace}sha1" Algorithm=`,
    ),
    "signature_shape_not_allowed",
  ],
  [
    "inclusive canonicalization of SignedInfo",
    () => sign(unsigned(), { canonicalization: inclusive }),
    "algorithm_not_allowed",
  ],
  [
    "a signature with SHA-1",
    () => sign(unsigned(), { signature: `${signatureNamespace}rsa-sha1` }),
    "algorithm_not_allowed",
  ],
  ["a digest with SHA-1", () => sign(unsigned(), { digest: `${signatureNamespace}sha1` }), "algorithm_not_allowed"],
  [
    "an HMAC with the public key for a secret",
    () => sign(unsigned(), { signature: `${signatureNamespace}hmac-sha1` }),
    "algorithm_not_allowed",
  ],
  ["an algorithm named like a member of every object", inGenuine(rsaSha256, "constructor"), "algorithm_not_allowed"],
  ["a digest algorithm named like a member of every object", inGenuine(sha256, "toString"), "algorithm_not_allowed"],
  [
    "an element too much in SignedInfo",
    inGenuine("</SignedInfo>", "<Manifest/></SignedInfo>"),
    "signature_shape_not_allowed",
  ],
  [
    "an element too much in Reference",
    inGenuine("</Reference>", "<Manifest/></Reference>"),
    "signature_shape_not_allowed",
  ],
  [
    "an attribute of SignatureValue",
    inGenuine("<SignatureValue>", `<SignatureValue a="b">`),
    "signature_shape_not_allowed",
  ],
  ["an attribute of DigestValue", inGenuine("<DigestValue>", `<DigestValue a="b">`), "signature_shape_not_allowed"],
  ["an attribute of Signature", inGenuine("<Signature ", `<Signature Id="_s" `), "signature_shape_not_allowed"],
  [
    "an Object in the place of KeyInfo",
    () => replaced(sign(unsigned(), { keyInfo: undefined }), afterSignature, objectOf("") + afterSignature),
    "signature_shape_not_allowed",
  ],
  ["two SignedInfo", inGenuine("<SignedInfo>", "<SignedInfo/><SignedInfo>"), "signature_shape_not_allowed"],
  [
    "SignedInfo of another namespace",
    inGenuine("<SignedInfo>", `<SignedInfo xmlns="x">`),
    "signature_shape_not_allowed",
  ],
  [
    "a SignatureValue that is not base64",
    inGenuine("</SignatureValue>", "!</SignatureValue>"),
    "signature_shape_not_allowed",
  ],
  ["a DigestValue that is not base64", inGenuine("</DigestValue>", "!</DigestValue>"), "signature_shape_not_allowed"],
  [
    "a signature without a value",
    () => sign(unsigned(), { keyInfo: undefined }).replace(/<SignatureValue>.*<\/SignatureValue>/, ""),
    "signature_shape_not_allowed",
  ],
  [
    "a Reference without a digest",
    () => genuine().replace(/<DigestValue>.*<\/DigestValue>/, ""),
    "signature_shape_not_allowed",
  ],
  [
    "a SignedInfo without a method",
    () => genuine().replace(/<SignatureMethod [^>]*>/, ""),
    "signature_shape_not_allowed",
  ],
  [
    "an empty signature",
    inGenuine(split(genuine()).signature, `<Signature xmlns="${signatureNamespace}"/>`),
    "signature_shape_not_allowed",
  ],
];

const identifiers: Attack[] = [
  ...["ID", "Id", "id", "xml:id", "iD"].map(
    (spelling): Attack => [
      `a second element with the root's ID, spelled ${spelling}`,
      inSigned("<IDPSSODescriptor ", `<IDPSSODescriptor ${spelling}="${rootId}" `),
      "id_repeated",
    ],
  ),
  [
    "one identifier at two other elements",
    () => sign(unsigned({ extensions: `<Extensions ID="_a"/><Extensions xml:id="_a"/>` })),
    "id_repeated",
  ],
  ["a root with two identifiers", inSigned("<EntityDescriptor ", `<EntityDescriptor Id="_b" `), "root_id_not_valid"],
  ["a root with a second identifier behind", inSigned(" entityID=", ` Id="_b" entityID=`), "root_id_not_valid"],
  ["a root whose ID is spelled otherwise", inGenuine(" ID=", " Id="), "root_id_not_valid"],
  ["a root without an ID", inGenuine(` ID="${rootId}"`, ""), "root_id_not_valid"],
  ["an ID that ends a piece of XPath", inGenuine(`ID="${rootId}"`, `ID="']|//*[a"`), "root_id_not_valid"],
  ["an ID that is a piece of XPath", inGenuine(`ID="${rootId}"`, `ID="a']|//*['"`), "root_id_not_valid"],
];

refusesAll("a signature by the wrong key", signers);
refusesAll("signature wrapping", wrappings);
refusesAll("an odd signature", signatureShapes);
refusesAll("identifiers", identifiers);
