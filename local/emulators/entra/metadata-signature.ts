/**
 * The enveloped signature of a metadata document or an assertion as Entra creates it: over the element by its ID,
 * exclusive canonicalization, RSA with SHA-256, the certificate in KeyInfo. Nothing is verified here.
 */
import { SignedXml } from "xml-crypto";
import type { SigningKey } from "./signing-key.ts";

const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";

type Signer = Pick<SigningKey, "certificate" | "privateKey">;

export function signMetadata(document: string, signer: Signer): string {
  return signElement(document, signer, { xpath: "/*" });
}

/** Signs the element that `xpath` selects. The signature becomes its first child, or follows `after`. */
export function signElement(document: string, signer: Signer, place: { xpath: string; after?: string }): string {
  const signature = new SignedXml({
    privateKey: signer.privateKey,
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    canonicalizationAlgorithm: exclusive,
    getKeyInfoContent: () => `<X509Data><X509Certificate>${signer.certificate}</X509Certificate></X509Data>`,
  });
  signature.addReference({
    xpath: place.xpath,
    transforms: ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", exclusive],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
  });
  signature.computeSignature(document, {
    location: place.after ? { reference: place.after, action: "after" } : { reference: place.xpath, action: "prepend" },
  });
  return signature.getSignedXml();
}
