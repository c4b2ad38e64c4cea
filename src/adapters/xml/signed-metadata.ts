/** Reads SAML metadata only from the bytes that a key has signed. */
import type { KeyObject } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { MetadataRefusal } from "../../domain/metadata/refusal.ts";
import { ok, type Result, refuse } from "../../domain/shared/result.ts";
import { isNamed, metadataNamespace } from "./descriptors.ts";
import { DocumentRefused, decodeUtf8, parseXml, type XmlElement } from "./document.ts";
import { findSignature, idOf, verifySignature } from "./signature.ts";

/** Entra's documents are about 20 KB. */
export const maxMetadataBytes = 1_048_576;

interface Reading<Content, Signer> {
  /** Reads the document from its root. Throws `DocumentRefused`. */
  readContent: (root: XmlElement) => Content;
  /** The allowed signers. `keyInfo`: the signature's KeyInfo, which is not signed, so its key is never used. */
  signersOf: (claimed: Content, keyInfo: XmlElement | undefined) => readonly Signer[];
}

/**
 * The content of a SAML V2.0 metadata document (saml-metadata-2.0-os §3, XML Signature 1.1) as signed by one of the
 * signers, and that signer. Never throws: every problem becomes a refusal, which repeats nothing from the document.
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
  // The document is republished unchanged, so for every reader it must have exactly the signed content, including its
  // signer.
  if (idOf(signedRoot) !== idOf(root) || !isDeepStrictEqual(content, claimed)) {
    throw new DocumentRefused({ reason: "signed_content_differs" });
  }
  return { content, signer: verified.signer };
}
