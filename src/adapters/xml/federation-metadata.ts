/**
 * From the bytes of a federation metadata document to what is known of it, or to the reason why it is not taken.
 *
 * Attacker: anyone on the way who gets past TLS, or changes a stored document. A tampered document is refused. A
 * document that the attacker signed with a key of the attacker's own, which it also lists, is verified like Entra's,
 * for Entra's own document is no different: that it came from Entra is what pinned TLS and continuity are for
 * (domain/metadata/continuity.ts). Nor is it checked here whose metadata it is (accept-federation-metadata.ts).
 */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { FederationMetadata, MetadataCertificate } from "../../domain/metadata/federation-metadata.ts";
import type { DescriptorName, MetadataRefusal } from "../../domain/metadata/refusal.ts";
import { ok, type Result, refuse } from "../../domain/shared/result.ts";
import {
  attributesOf,
  childrenOf,
  DocumentRefused,
  decodeUtf8,
  descendantsOf,
  isElement,
  parseXml,
  readBase64,
  type XmlElement,
} from "./document.ts";
import { findSignature, idOf, signatureNamespace, verifySignature } from "./signature.ts";

/** Entra's documents have about 20 KB. */
export const maxMetadataBytes = 1_048_576;
const maxKeyDescriptors = 64;
const minModulusBits = 2048;

const metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata";
const federationNamespace = "http://docs.oasis-open.org/wsfed/federation/200706";
const addressingNamespace = "http://www.w3.org/2005/08/addressing";
const instanceNamespace = "http://www.w3.org/2001/XMLSchema-instance";

type Content = Omit<FederationMetadata, "signedBy">;

interface Candidate {
  thumbprint: string;
  key: KeyObject;
}

/**
 * Verifies the enveloped signature of a SAML V2.0 metadata document (saml-metadata-2.0-os §3, XML Signature 1.1) with
 * the certificates that the document lists, and reads it (WS-Federation 1.2 §3.1) from the signed bytes only.
 * Never throws: whatever is wrong becomes a refusal, which repeats nothing of the document.
 */
export function verifyFederationMetadata(bytes: Uint8Array): Result<FederationMetadata, MetadataRefusal> {
  try {
    return ok(verify(bytes));
  } catch (error) {
    return refuse(error instanceof DocumentRefused ? error.refusal : { reason: "xml_not_processable" });
  }
}

function verify(bytes: Uint8Array): FederationMetadata {
  if (bytes.length > maxMetadataBytes) {
    throw new DocumentRefused({ reason: "document_too_large", maxBytes: maxMetadataBytes });
  }
  const text = decodeUtf8(bytes);
  const root = parseXml(text);
  if (!isNamed(root, metadataNamespace, "EntityDescriptor")) {
    throw new DocumentRefused({ reason: "root_not_entity_descriptor" });
  }
  const signature = findSignature(root);
  const claimed = readContent(root);
  const listed = candidates(claimed, signature.keyInfo);
  const verified = verifySignature(text, signature.element, listed);
  if (!verified) throw new DocumentRefused({ reason: "signed_by_no_listed_key", tried: listed.length });
  const signedRoot = parseXml(verified.signed);
  const content = readContent(signedRoot);
  // The document is republished as it came, so it must say to whoever reads it what was signed, its signer included.
  if (idOf(signedRoot) !== idOf(root) || !isDeepStrictEqual(content, claimed)) {
    throw new DocumentRefused({ reason: "signed_content_differs" });
  }
  return { ...content, signedBy: verified.signer.thumbprint };
}

/**
 * Which listed certificates to try. KeyInfo is not signed and gives no key; it may name one that is listed, and then
 * it must be the one, for others do look there.
 */
function candidates(content: Content, keyInfo: XmlElement | undefined): Candidate[] {
  const all = [...content.idpCertificates, ...content.stsCertificates];
  const listed = [...new Map(all.map((certificate) => [certificate.der, certificate])).values()];
  const name = keyInfo && readKeyInfo(keyInfo).der;
  const named = listed.filter(({ der }) => name === undefined || der === name);
  if (name !== undefined && named.length === 0) throw new DocumentRefused({ reason: "key_info_not_listed" });
  return named.map(({ der, thumbprint }) => {
    return { thumbprint, key: new X509Certificate(Buffer.from(der, "base64")).publicKey };
  });
}

function readContent(root: XmlElement): Content {
  const elements = descendantsOf(root);
  const entityId = root.getAttribute("entityID");
  if (!entityId) throw new DocumentRefused({ reason: "entity_id_missing" });
  const idp = singleDescriptor(root, elements, "IDPSSODescriptor", (element) =>
    isNamed(element, metadataNamespace, "IDPSSODescriptor"),
  );
  const sts = singleDescriptor(root, elements, "SecurityTokenService RoleDescriptor", isSecurityTokenService);
  const certificates = readKeyDescriptors(elements);
  return {
    entityId,
    idpCertificates: certificates.filter(({ role }) => role === idp).map(({ certificate }) => certificate),
    stsCertificates: certificates.filter(({ role }) => role === sts).map(({ certificate }) => certificate),
    singleSignOnServices: readEndpoints(idp, "SingleSignOnService"),
    singleLogoutServices: readEndpoints(idp, "SingleLogoutService"),
    otherEndpoints: readOtherEndpoints(elements, idp),
  };
}

/** One in the whole document, and a child of the root: no second one for whoever looks elsewhere. */
function singleDescriptor(
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

/** The prefix in `xsi:type` is not looked up: exclusive canonicalization does not sign what it stands for. */
function isSecurityTokenService(element: XmlElement): boolean {
  const type = element.getAttributeNS(instanceNamespace, "type");
  return isNamed(element, metadataNamespace, "RoleDescriptor") && /^(?:[\w.-]+:)?SecurityTokenServiceType$/.test(type);
}

/** saml-metadata-2.0-os §2.4.1.1: without `use` a key is for both purposes. All are read, wherever they stand. */
function readKeyDescriptors(elements: readonly XmlElement[]) {
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

/** One certificate and nothing else, so that there is nothing else that somebody could prefer. */
function readKeyInfo(keyInfo: XmlElement): MetadataCertificate {
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
  // OpenSSL stops reading at the end of the certificate, and reads PEM too: the octets must be it and nothing else.
  if (!certificate.raw.equals(der)) {
    throw new DocumentRefused({ reason: "certificate_not_readable", rule: "must be one certificate in DER" });
  }
  if (key.asymmetricKeyType !== "rsa") throw new DocumentRefused({ reason: "certificate_not_rsa" });
  const modulusBits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (modulusBits < minModulusBits) throw new DocumentRefused({ reason: "certificate_key_too_short", modulusBits });
  // With the exponent 1 everybody signs, and relying parties take the key as it is listed.
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

function readEndpoints(idp: XmlElement, name: string) {
  return childrenOf(idp)
    .filter((element) => isNamed(element, metadataNamespace, name))
    .map((element) => ({
      binding: element.getAttribute("Binding"),
      location: element.getAttribute("Location"),
    }));
}

/** Every other URL that a reader could send somebody to. What a TargetScope holds is a name, not an endpoint. */
function readOtherEndpoints(elements: readonly XmlElement[], idp: XmlElement): string[] {
  return elements.flatMap((element) => {
    if (isNamed(element, addressingNamespace, "Address")) return isInTargetScopes(element) ? [] : [element.textContent];
    const isRead =
      element.parentNode === idp &&
      (isNamed(element, metadataNamespace, "SingleSignOnService") ||
        isNamed(element, metadataNamespace, "SingleLogoutService"));
    return attributesOf(element)
      .filter(({ name }) => (name === "Location" && !isRead) || name === "ResponseLocation")
      .map(({ value }) => value);
  });
}

function isInTargetScopes(address: XmlElement): boolean {
  const scopes = address.parentNode?.parentNode;
  return isElement(scopes) && isNamed(scopes, federationNamespace, "TargetScopes");
}

function isNamed(element: XmlElement | undefined, namespace: string, name: string): boolean {
  return element?.localName === name && element.namespaceURI === namespace;
}

function unreadable(rule: string): DocumentRefused {
  return new DocumentRefused({ reason: "key_descriptor_not_readable", rule });
}
