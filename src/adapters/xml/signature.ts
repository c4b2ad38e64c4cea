/**
 * Verifies the one enveloped XML signature of a document (XML Signature 1.1) over its root.
 *
 * Attacks: signature wrapping (one element is signed, another one is read), confusion of algorithms and keys, content
 * that the signature does not cover. xml-crypto computes canonical form, digest and signature, and trusts the document
 * about everything else. So first the signature must have exactly the form that Entra writes, element by element and
 * attribute by attribute. The caller uses only the signed bytes, never the document.
 *
 * It does not decide which key is trusted. A key in the signature's KeyInfo is never used.
 */
import { createHash, type KeyLike, type KeyObject, verify } from "node:crypto";
import { type HashAlgorithm, type SignatureAlgorithm, SignedXml } from "xml-crypto";
import {
  attributesOf,
  childrenOf,
  DocumentRefused,
  descendantsOf,
  readBase64,
  type XmlAttribute,
  type XmlElement,
} from "./document.ts";

export const signatureNamespace = "http://www.w3.org/2000/09/xmldsig#";
const enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";

/** RFC 6931 §2.3.2 to §2.3.4: RSASSA-PKCS1-v1_5, SHA-256 and up. SHA-1 and HMAC are not supported. */
const signatureHashes: Readonly<Record<string, string>> = {
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "sha256",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": "sha384",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "sha512",
};
const digestHashes: Readonly<Record<string, string>> = {
  "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
  "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
  "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
};

interface EnvelopedXmlSignature {
  element: XmlElement;
  /** Not signed and not trusted. */
  keyInfo: XmlElement | undefined;
}

/** The signature of the document, which must have the one allowed form. Throws `DocumentRefused`. */
export function findSignature(root: XmlElement): EnvelopedXmlSignature {
  const rootId = idOf(root);
  const signatures = descendantsOf(root).filter((element) => isNamed(element, "Signature"));
  const [element] = signatures;
  if (!element) throw new DocumentRefused({ reason: "signature_missing" });
  if (signatures.length > 1) throw new DocumentRefused({ reason: "signature_repeated", found: signatures.length });
  if (element.parentNode !== root) throw new DocumentRefused({ reason: "signature_not_child_of_root" });
  const children = childrenOf(element);
  if (![2, 3].includes(children.length) || attributesOf(element).length > 0) throw shape("Signature");
  const [signedInfo, value, keyInfo] = children as [XmlElement, XmlElement, XmlElement?];
  expectLeaf(value, "SignatureValue", []);
  if (!readBase64(value.textContent)) throw shape("SignatureValue");
  if (keyInfo && !isNamed(keyInfo, "KeyInfo")) throw shape("KeyInfo");
  checkSignedInfo(signedInfo, rootId);
  return { element, keyInfo };
}

/**
 * The canonical form of the root without its signature, as signed by one of the listed keys; undefined if none of them
 * signed it. All keys are tried on one canonical form, so a megabyte is canonicalized once, and not once for each key
 * that an attacker lists. The verifier is not reused, because xml-crypto keeps results of earlier checks.
 */
export function verifySignature<T extends { key: KeyObject }>(
  text: string,
  signature: XmlElement,
  listed: readonly T[],
): { signed: string; signer: T } | undefined {
  const [any] = listed;
  if (!any) return undefined;
  let signer: T | undefined;
  const verifies = (hash: string, material: string, value: string): boolean => {
    signer = listed.find(({ key }) => verify(hash, Buffer.from(material), key, Buffer.from(value, "base64")));
    return signer !== undefined;
  };
  const verifier = new SignedXml({ publicCert: any.key });
  verifier.CanonicalizationAlgorithms = only(verifier.CanonicalizationAlgorithms, [enveloped, exclusive]);
  verifier.SignatureAlgorithms = mapValues(signatureHashes, (uri, hash) => signatureAlgorithm(uri, hash, verifies));
  verifier.HashAlgorithms = mapValues(digestHashes, hashAlgorithm);
  let isDigestRight: boolean;
  try {
    verifier.loadSignature(signature as unknown as Parameters<SignedXml["loadSignature"]>[0]);
    isDigestRight = verifier.checkSignature(text);
  } catch {
    return undefined; // throws for a wrong signature, returns false for a wrong digest
  }
  if (!isDigestRight) throw new DocumentRefused({ reason: "digest_mismatch" });
  // There is exactly one reference: findSignature refuses any other number.
  return signer && { signed: verifier.getSignedReferences().join(""), signer };
}

/**
 * The root's ID. It must be the only ID attribute with this value in the document, in any letter case of the
 * attribute's name.
 */
export function idOf(root: XmlElement): string {
  const isId = ({ localName }: XmlAttribute) => /^id$/i.test(localName);
  const ids = descendantsOf(root).flatMap((element) => attributesOf(element).filter(isId));
  if (new Set(ids.map(({ value }) => value)).size !== ids.length) throw new DocumentRefused({ reason: "id_repeated" });
  const [own, ...others] = attributesOf(root).filter(isId);
  if (own?.name !== "ID" || others.length > 0 || !/^[A-Za-z_][\w.-]*$/.test(own.value)) {
    throw new DocumentRefused({ reason: "root_id_not_valid" });
  }
  return own.value;
}

/** XML Signature 1.1 §4.4, in the only form that Entra uses. */
function checkSignedInfo(signedInfo: XmlElement, rootId: string): void {
  expectNamed(signedInfo, "SignedInfo", []);
  const references = childrenOf(signedInfo).filter((element) => isNamed(element, "Reference"));
  if (references.length !== 1) throw new DocumentRefused({ reason: "reference_not_single", found: references.length });
  const [canonicalization, method, reference] = threeChildren(signedInfo, "SignedInfo");
  if (algorithmOf(canonicalization, "CanonicalizationMethod") !== exclusive) {
    throw new DocumentRefused({ reason: "algorithm_not_allowed", use: "canonicalization" });
  }
  if (!Object.hasOwn(signatureHashes, algorithmOf(method, "SignatureMethod"))) {
    throw new DocumentRefused({ reason: "algorithm_not_allowed", use: "signature" });
  }
  checkReference(reference, rootId);
}

function checkReference(reference: XmlElement, rootId: string): void {
  expectNamed(reference, "Reference", ["URI"]);
  if (reference.getAttribute("URI") !== `#${rootId}`) throw new DocumentRefused({ reason: "reference_not_to_root" });
  const [transforms, method, value] = threeChildren(reference, "Reference");
  expectNamed(transforms, "Transforms", []);
  const [first, second, ...more] = childrenOf(transforms);
  const isAllowed =
    first && second && more.length === 0 && isTransform(first, enveloped) && isTransform(second, exclusive);
  if (!isAllowed) throw new DocumentRefused({ reason: "transforms_not_allowed" });
  if (!Object.hasOwn(digestHashes, algorithmOf(method, "DigestMethod"))) {
    throw new DocumentRefused({ reason: "algorithm_not_allowed", use: "digest" });
  }
  expectLeaf(value, "DigestValue", []);
  if (!readBase64(value.textContent)) throw shape("DigestValue");
}

function isTransform(element: XmlElement, algorithm: string): boolean {
  return isNamed(element, "Transform") && algorithmOf(element, "Transform") === algorithm;
}

function algorithmOf(element: XmlElement, name: string): string {
  expectLeaf(element, name, ["Algorithm"]);
  return element.getAttribute("Algorithm");
}

function threeChildren(element: XmlElement, name: string): [XmlElement, XmlElement, XmlElement] {
  const children = childrenOf(element);
  if (children.length !== 3) throw shape(name);
  return children as [XmlElement, XmlElement, XmlElement];
}

function expectLeaf(element: XmlElement, name: string, attributes: readonly string[]): void {
  expectNamed(element, name, attributes);
  if (childrenOf(element).length > 0) throw shape(name);
}

/** xml-crypto finds names and attributes in any namespace, so there must be no others. */
function expectNamed(element: XmlElement, name: string, attributes: readonly string[]): void {
  const found = attributesOf(element).map((attribute) => attribute.name);
  if (!isNamed(element, name) || found.join() !== attributes.join()) throw shape(name);
}

function isNamed(element: XmlElement, name: string): boolean {
  return element.localName === name && element.namespaceURI === signatureNamespace;
}

function shape(element: string): DocumentRefused {
  return new DocumentRefused({ reason: "signature_shape_not_allowed", element });
}

/** The key that xml-crypto passes is ignored: `verifies` has the listed keys. */
function signatureAlgorithm(
  uri: string,
  hash: string,
  verifies: (hash: string, material: string, value: string) => boolean,
): new () => SignatureAlgorithm {
  return class {
    getAlgorithmName(): string {
      return uri;
    }
    getSignature(): never {
      throw new TypeError("signatures are only verified here");
    }
    verifySignature(material: string, _key: KeyLike, value: string): boolean {
      return verifies(hash, material, value);
    }
  };
}

function hashAlgorithm(uri: string, hash: string): new () => HashAlgorithm {
  return class {
    getAlgorithmName(): string {
      return uri;
    }
    getHash(xml: string): string {
      return createHash(hash).update(xml).digest("base64");
    }
  };
}

function mapValues<T>(record: Readonly<Record<string, string>>, map: (key: string, value: string) => T) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(key, value)]));
}

function only<T>(record: Readonly<Record<string, T>>, keys: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => keys.includes(key)));
}
