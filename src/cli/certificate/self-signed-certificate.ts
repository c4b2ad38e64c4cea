import { createHash, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import * as der from "./der.ts";

interface CertificateRequest {
  commonName: string;
  publicKey: KeyObject;
  notBeforeMs: number;
  notAfterMs: number;
}

const sha256WithRsa = der.sequence(der.objectIdentifier("1.2.840.113549.1.1.11"), der.nothing);

/**
 * The part of a certificate that is signed (TBSCertificate, RFC 5280 §4.1): self-issued, for signatures only. Entra
 * identifies an application's certificate by its bytes and its key; its issuer is never used for trust.
 */
export function buildTbsCertificate({ commonName, publicKey, notBeforeMs, notAfterMs }: CertificateRequest): Buffer {
  const spki = publicKey.export({ type: "spki", format: "der" });
  const name = der.sequence(der.set(der.sequence(der.objectIdentifier("2.5.4.3"), der.utf8String(commonName))));
  const serialNumber = randomBytes(16);
  // Positive, and never zero (RFC 5280 §4.1.2.2).
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x7f) | 0x40;
  const extensions = der.sequence(
    extension("2.5.29.19", true, der.sequence()), // basicConstraints: no CA
    extension("2.5.29.15", true, der.bitString(Buffer.of(0x80), 7)), // keyUsage: digitalSignature
    extension("2.5.29.14", false, der.octetString(createHash("sha1").update(spki).digest())), // subjectKeyIdentifier
  );
  return der.sequence(
    der.explicit(0, der.integer(Buffer.of(2))), // version 3
    der.integer(serialNumber),
    sha256WithRsa,
    name,
    der.sequence(der.time(notBeforeMs), der.time(notAfterMs)),
    name,
    spki,
    der.explicit(3, extensions),
  );
}

/** The whole certificate; throws if the signature does not match the key and the signed part. */
export function assembleCertificate(tbs: Uint8Array, signature: Uint8Array, publicKey: KeyObject): X509Certificate {
  const certificate = new X509Certificate(der.sequence(tbs, sha256WithRsa, der.bitString(signature)));
  const isOurs = certificate.publicKey.equals(publicKey) && certificate.verify(publicKey);
  if (!isOurs || certificate.ca) throw new RangeError("the signature does not match the certificate");
  return certificate;
}

function extension(oid: string, isCritical: boolean, value: Uint8Array): Buffer {
  return der.sequence(der.objectIdentifier(oid), ...(isCritical ? [der.yes] : []), der.octetString(value));
}
