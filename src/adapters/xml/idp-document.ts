/**
 * Checks whether a document is one of our `idp.xml` documents. A stored one is served only after this check.
 *
 * Attacker: anyone who can write to storage, but has neither the publisher's key nor the right to sign with it. An
 * older document of ours that is still valid passes, as it does at every relying party.
 */
import { X509Certificate } from "node:crypto";
import type { VerifiedIdp } from "../../domain/metadata/ports.ts";
import type { MetadataRefusal } from "../../domain/metadata/refusal.ts";
import { ok, type Result } from "../../domain/shared/result.ts";
import { isNamed, metadataNamespace, readKeyDescriptors, readKeyInfo, singleDescriptor } from "./descriptors.ts";
import { DocumentRefused, descendantsOf, type XmlElement } from "./document.ts";
import { readSignedMetadata } from "./signed-metadata.ts";

/** `publisherDers`: base64 of the DER of the certificates that may have signed it. Never throws. */
export function verifyIdpDocument(
  bytes: Uint8Array,
  publisherDers: readonly string[],
): Result<VerifiedIdp, MetadataRefusal> {
  const read = readSignedMetadata(bytes, {
    readContent,
    signersOf: (_claimed, keyInfo) => signersOf(keyInfo, publisherDers),
  });
  if (!read.ok) return read;
  const { entityId, validUntil, certificates } = read.value.content;
  return ok({ entityId, validUntilMs: Date.parse(validUntil), certificates });
}

/** A relying party may use KeyInfo, so KeyInfo must name the certificate that signed. */
function signersOf(keyInfo: XmlElement | undefined, publisherDers: readonly string[]) {
  const named = keyInfo && readKeyInfo(keyInfo).der;
  if (named === undefined || !publisherDers.includes(named)) {
    throw new DocumentRefused({ reason: "key_info_not_listed" });
  }
  return [{ key: new X509Certificate(Buffer.from(named, "base64")).publicKey }];
}

function readContent(root: XmlElement) {
  const elements = descendantsOf(root);
  singleDescriptor(root, elements, "IDPSSODescriptor", (element) =>
    isNamed(element, metadataNamespace, "IDPSSODescriptor"),
  );
  return {
    entityId: root.getAttribute("entityID"),
    validUntil: root.getAttribute("validUntil"),
    certificates: readKeyDescriptors(elements).map(({ certificate }) => certificate.der),
  };
}
