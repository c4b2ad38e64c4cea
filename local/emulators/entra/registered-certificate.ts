/**
 * A certificate whose assertions Entra accepts, on an application or a service principal. Only public parts are stored.
 */
import { createHash, type KeyObject, randomUUID, X509Certificate } from "node:crypto";

export interface RegisteredCertificate {
  /** The directory's own GUID for the entry. */
  keyId: string;
  /** base64url of the SHA-256 and of the SHA-1 digest of the certificate. */
  x5tS256: string;
  x5t: string;
  /** base64. The client that registers the certificate may set any value; it is not checked. */
  customKeyIdentifier: string;
  displayName: string;
  der: Buffer;
  subject: string;
  notBefore: number;
  notAfter: number;
  publicKey: KeyObject;
}

/** Keyed by both thumbprints. The two kinds differ in length, so they cannot collide. */
export type RegisteredCertificates = Map<string, RegisteredCertificate>;

/** Reads PEM text or DER. `naming` holds what a client may choose. */
export function readCertificate(
  encoded: string | Buffer,
  naming: { keyId?: string; customKeyIdentifier?: string; displayName?: string } = {},
): RegisteredCertificate {
  if (encoded.includes("PRIVATE KEY")) throw new Error("register the certificate alone, without its private key");
  const certificate = new X509Certificate(encoded);
  if (certificate.publicKey.asymmetricKeyType !== "rsa") throw new Error("only certificates with an RSA key work");
  const der = certificate.raw;
  return {
    keyId: naming.keyId ?? randomUUID(),
    x5tS256: createHash("sha256").update(der).digest("base64url"),
    x5t: createHash("sha1").update(der).digest("base64url"),
    customKeyIdentifier: naming.customKeyIdentifier ?? createHash("sha1").update(der).digest("base64"),
    displayName: naming.displayName ?? certificate.subject,
    der,
    subject: certificate.subject,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    publicKey: certificate.publicKey,
  };
}

/** Adds the certificate. If it is already registered, the existing entry stays unchanged. */
export function addCertificate(to: RegisteredCertificates, certificate: RegisteredCertificate): RegisteredCertificate {
  const existing = to.get(certificate.x5tS256);
  if (existing !== undefined) return existing;
  to.set(certificate.x5tS256, certificate);
  to.set(certificate.x5t, certificate);
  return certificate;
}

export function removeCertificate(from: RegisteredCertificates, x5tS256: string): void {
  const certificate = from.get(x5tS256);
  if (certificate === undefined) throw new Error(`no certificate ${x5tS256} is registered`);
  from.delete(certificate.x5tS256);
  from.delete(certificate.x5t);
}

export function listCertificates(certificates: RegisteredCertificates): RegisteredCertificate[] {
  return [...new Set(certificates.values())];
}

/** Indexes each certificate as one object under both of its thumbprints, even if the input holds several copies. */
export function indexCertificates(certificates: RegisteredCertificates): RegisteredCertificates {
  const index: RegisteredCertificates = new Map();
  for (const certificate of certificates.values()) addCertificate(index, certificate);
  return index;
}
