/** Reads SAML metadata from the bytes that a key has signed, and from nothing else. */
import type { KeyObject } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { MetadataRefusal } from "../../domain/metadata/refusal.ts";
import { ok, type Result, refuse } from "../../domain/shared/result.ts";
import { isNamed, metadataNamespace } from "./descriptors.ts";
import { DocumentRefused, decodeUtf8, parseXml, type XmlElement } from "./document.ts";
import { findSignature, idOf, verifySignature } from "./signature.ts";

/** Entra's documents have about 20 KB. */
export const maxMetadataBytes = 1_048_576;

interface Reading<Content, Signer> {
  /** Reads the document from its root. Throws `DocumentRefused`. */
  readContent: (root: XmlElement) => Content;
  /** Who may have signed it; `keyInfo`: the signature's, which is not signed and gives no key. */
  signersOf: (claimed: Content, keyInfo: XmlElement | undefined) => readonly Signer[];
}

/**
 * The content of a SAML V2.0 metadata document (saml-metadata-2.0-os §3, XML Signature 1.1) as one of the signers has signed
 * it, and which one. Never throws: whatever is wrong becomes a refusal, which repeats nothing of the document.
 */
export function readSignedMetadata<Content, Signer extends { key: KeyObject }>(
  bytes: Uint8Array,
  reading: Reading<Content, Signer>,
): Result<{ content: Content; signer: Signer }, MetadataRefusal> {
  try {
    return ok(read(bytes, reading));
  } catch (error) {
    return refuse(error instanceof DocumentRefused ? error.refusal : { reason: "xml_not_processable" });
  }
}

function read<Content, Signer extends { key: KeyObject }>(
  bytes: Uint8Array,
  { readContent, signersOf }: Reading<Content, Signer>,
): { content: Content; signer: Signer } {
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
  const signers = signersOf(claimed, signature.keyInfo);
  const verified = verifySignature(text, signature.element, signers);
  if (!verified) throw new DocumentRefused({ reason: "signed_by_no_listed_key", tried: signers.length });
  const signedRoot = parseXml(verified.signed);
  const content = readContent(signedRoot);
  // The document is republished as it came, so it must say to whoever reads it what was signed, its signer included.
  if (idOf(signedRoot) !== idOf(root) || !isDeepStrictEqual(content, claimed)) {
    throw new DocumentRefused({ reason: "signed_content_differs" });
  }
  return { content, signer: verified.signer };
}
