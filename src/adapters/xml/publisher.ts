import { SignedXml } from "xml-crypto";
import type { SignXml } from "../../domain/metadata/ports.ts";

const enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
const rsaSha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";

/**
 * Adds an enveloped signature (XML Signature 1.1 §4) over the root of one of our documents, as its first child, as SAML
 * requires. `sign` is a function because the key is in the vault, and only a digest is sent there.
 */
export const signXml: SignXml = async (xml, certificateDer, sign) => {
  const signer = new SignedXml({
    // The library requires a key, but our algorithm does not use it.
    privateKey: "in the vault",
    canonicalizationAlgorithm: exclusive,
    signatureAlgorithm: rsaSha256,
    getKeyInfoContent: () => `<X509Data><X509Certificate>${certificateDer}</X509Certificate></X509Data>`,
  });
  signer.SignatureAlgorithms = { [rsaSha256]: vaultAlgorithm(sign) };
  signer.addReference({ xpath: "/*", transforms: [enveloped, exclusive], digestAlgorithm: sha256 });
  await new Promise<void>((resolve, reject) => {
    signer.computeSignature(xml, { location: { reference: "/*", action: "prepend" } }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return signer.getSignedXml();
};

function vaultAlgorithm(sign: (signedInfo: Uint8Array) => Promise<Uint8Array>) {
  return class {
    getSignature(signedInfo: unknown, _key: unknown, callback?: (error: Error | null, signature?: string) => void) {
      sign(Buffer.from(String(signedInfo))).then(
        (signature) => callback?.(null, Buffer.from(signature).toString("base64")),
        (error) => callback?.(error instanceof Error ? error : new Error("the signature failed")),
      );
      return "";
    }
    verifySignature(): boolean {
      return false;
    }
    getAlgorithmName(): string {
      return rsaSha256;
    }
  };
}
