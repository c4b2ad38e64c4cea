/**
 * Verifies the bytes of a federation metadata document. Returns its content, or the reason why it is rejected.
 *
 * Attacker: anyone on the network path who can break TLS, or who can change a stored document. A tampered document is
 * rejected. A document that an attacker signed with their own key, which it also lists, passes, because Entra's own
 * document has the same form. Pinned TLS and continuity ensure that it came from Entra (domain/metadata/continuity.ts).
 * accept-federation-metadata.ts checks whose metadata it is.
 */
import { type KeyObject, X509Certificate } from "node:crypto";
import type { FederationMetadata } from "../../domain/metadata/federation-metadata.ts";
import type { MetadataRefusal } from "../../domain/metadata/refusal.ts";
import { ok, type Result } from "../../domain/shared/result.ts";
import {
  isNamed,
  metadataNamespace,
  readEndpoints,
  readKeyDescriptors,
  readKeyInfo,
  singleDescriptor,
} from "./descriptors.ts";
import { attributesOf, DocumentRefused, descendantsOf, isElement, type XmlElement } from "./document.ts";
import { readSignedMetadata } from "./signed-metadata.ts";

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
 * the certificates that the document lists, and reads it (WS-Federation 1.2 §3.1) from the signed bytes only. Never
 * throws: every problem becomes a refusal, which repeats nothing from the document.
 */
export function verifyFederationMetadata(bytes: Uint8Array): Result<FederationMetadata, MetadataRefusal> {
  const read = readSignedMetadata(bytes, { readContent, signersOf: candidates });
  return read.ok ? ok({ ...read.value.content, signedBy: read.value.signer.thumbprint }) : read;
}

/**
 * The listed certificates to try. KeyInfo is not signed, so its key is never used. If it names a certificate, that one
 * must be listed and must have signed, because other readers use KeyInfo.
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

/** The prefix in `xsi:type` is not resolved, because exclusive canonicalization does not sign its namespace. */
function isSecurityTokenService(element: XmlElement): boolean {
  const type = element.getAttributeNS(instanceNamespace, "type");
  return isNamed(element, metadataNamespace, "RoleDescriptor") && /^(?:[\w.-]+:)?SecurityTokenServiceType$/.test(type);
}

/** Every other URL to which a reader could send a user. A TargetScope contains a name, not an endpoint. */
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
