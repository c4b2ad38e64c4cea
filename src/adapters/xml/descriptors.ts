/**
 * Reads the elements of SAML V2.0 metadata (saml-metadata-2.0-os §2). Each is accepted only in a form that all readers
 * interpret the same way.
 */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import type { MetadataCertificate } from "../../domain/metadata/federation-metadata.ts";
import type { DescriptorName } from "../../domain/metadata/refusal.ts";
import { attributesOf, childrenOf, DocumentRefused, readBase64, type XmlElement } from "./document.ts";
import { signatureNamespace } from "./signature.ts";

const maxKeyDescriptors = 64;
const minModulusBits = 2048;

export const metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata";

/**
 * The only descriptor in the whole document, which must be a child of the root. So no reader can find another one
 * elsewhere.
 */
export function singleDescriptor(
  root: XmlElement,
  elements: readonly XmlElement[],
  descriptor: DescriptorName,
  isIt: (element: XmlElement) => boolean,
): XmlElement {
  const found = elements.filter(isIt);
  const [only] = found;
  if (!only || found.length > 1 || only.parentNode !== root) {
    throw new DocumentRefused({ reason: "descriptor_not_single", descriptor, found: found.length });
  }
  return only;
}

/**
 * Reads all key descriptors, in any position. Without `use` a key is for both purposes (saml-metadata-2.0-os §2.4.1.1).
 */
export function readKeyDescriptors(elements: readonly XmlElement[]) {
  const descriptors = elements.filter((element) => isNamed(element, metadataNamespace, "KeyDescriptor"));
  if (descriptors.length > maxKeyDescriptors) {
    throw new DocumentRefused({ reason: "key_descriptors_too_many", maxKeyDescriptors });
  }
  const signing = descriptors.filter((descriptor) => useOf(descriptor) !== "encryption");
  return signing.map((descriptor) => {
    const [keyInfo, ...others] = childrenOf(descriptor);
    if (!keyInfo || others.length > 0) throw unreadable("must have one KeyInfo and nothing else");
    return { role: descriptor.parentNode, certificate: readKeyInfo(keyInfo) };
  });
}

function useOf(descriptor: XmlElement): string | undefined {
  const [use, ...others] = attributesOf(descriptor);
  if (!use) return undefined;
  if (others.length > 0 || use.name !== "use" || (use.value !== "signing" && use.value !== "encryption")) {
    throw unreadable("use must be signing or encryption, and the only attribute");
  }
  return use.value;
}

/**
 * Reads a KeyInfo. It must have one certificate and nothing else, so that no reader can prefer something else in it.
 */
export function readKeyInfo(keyInfo: XmlElement): MetadataCertificate {
  const [data, ...otherData] = childrenOf(keyInfo);
  const [certificate, ...otherCertificates] = data ? childrenOf(data) : [];
  const isAlone = otherData.length + otherCertificates.length === 0;
  const areNamed =
    isNamed(keyInfo, signatureNamespace, "KeyInfo") &&
    isNamed(data, signatureNamespace, "X509Data") &&
    isNamed(certificate, signatureNamespace, "X509Certificate");
  if (!certificate || !isAlone || !areNamed || childrenOf(certificate).length > 0) {
    throw unreadable("KeyInfo must hold one X509Certificate and nothing else");
  }
  return readCertificate(certificate.textContent);
}

function readCertificate(text: string): MetadataCertificate {
  const der = readBase64(text);
  if (!der) throw new DocumentRefused({ reason: "certificate_not_readable", rule: "must be base64" });
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(der);
    key = certificate.publicKey;
  } catch {
    throw new DocumentRefused({ reason: "certificate_not_readable", rule: "must be an X.509 certificate" });
  }
  // OpenSSL ignores bytes after the certificate, and reads PEM too. The bytes must be exactly the certificate in DER.
  if (!certificate.raw.equals(der)) {
    throw new DocumentRefused({ reason: "certificate_not_readable", rule: "must be one certificate in DER" });
  }
  if (key.asymmetricKeyType !== "rsa") throw new DocumentRefused({ reason: "certificate_not_rsa" });
  const modulusBits = Number(key.asymmetricKeyDetails?.modulusLength);
  if (!(modulusBits >= minModulusBits)) throw new DocumentRefused({ reason: "certificate_key_too_short", modulusBits });
  // With the exponent 1 anybody could sign, and relying parties use the key as listed.
  if (key.asymmetricKeyDetails?.publicExponent !== 65_537n) {
    throw new DocumentRefused({ reason: "certificate_exponent_not_allowed" });
  }
  return {
    thumbprint: createHash("sha1").update(der).digest("base64url"),
    der: der.toString("base64"),
    modulusBits,
    notAfterMs: certificate.validToDate.getTime(),
  };
}

/** The endpoints of this name in a descriptor, in document order. */
export function readEndpoints(idp: XmlElement, name: string) {
  return childrenOf(idp)
    .filter((element) => isNamed(element, metadataNamespace, name))
    .map((element) => ({
      binding: element.getAttribute("Binding"),
      location: element.getAttribute("Location"),
    }));
}

/** Whether the element exists and has this name. */
export function isNamed(element: XmlElement | undefined, namespace: string, name: string): boolean {
  return element?.localName === name && element.namespaceURI === namespace;
}

function unreadable(rule: string): DocumentRefused {
  return new DocumentRefused({ reason: "key_descriptor_not_readable", rule });
}
