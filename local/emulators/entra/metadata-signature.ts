/**
 * The enveloped signature of a metadata document as Entra makes it: first child of the root, over the root by its ID,
 * exclusive canonicalization, RSA with SHA-256, the certificate in KeyInfo. Nothing is verified here.
 */
import { SignedXml } from "xml-crypto";
import type { SigningKey } from "./signing-key.ts";

const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";

export function signMetadata(document: string, signer: Pick<SigningKey, "certificate" | "privateKey">): string {
  const signature = new SignedXml({
    privateKey: signer.privateKey,
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    canonicalizationAlgorithm: exclusive,
    getKeyInfoContent: () => `<X509Data><X509Certificate>${signer.certificate}</X509Certificate></X509Data>`,
  });
  signature.addReference({
    xpath: "/*",
    transforms: ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", exclusive],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
  });
  signature.computeSignature(document, { location: { reference: "/*", action: "prepend" } });
  return signature.getSignedXml();
}
