/**
 * A self-signed certificate for a new RSA key, as Key Vault's issuer "Self" creates it. It uses no certificate
 * authority and is not renewed.
 */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  type X509CertificateCreateSelfSignedParams,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** The library's own type: a dependency adds browser types, in which `CryptoKey` is a different type. */
type KeyPair = X509CertificateCreateSelfSignedParams["keys"];

export interface CertificateOptions {
  subject: string;
  notAfter?: Date;
}

export interface IssuedCertificate {
  pem: string;
  x5tS256: string;
  notBefore: Date;
  notAfter: Date;
}

export type KeySize = 2048 | 3072 | 4096;

const signing = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;
const publicExponent = new Uint8Array([1, 0, 1]);
const dayMs = 24 * 60 * 60 * 1000;
/** Key Vault backdates its certificates so that hosts whose clock is behind accept them. */
const backdatedMs = 10 * 60 * 1000;

/** Runs in the thread pool: a 4096-bit key takes seconds. */
export function generateRsaKey(keySize: KeySize): Promise<KeyPair> {
  const algorithm = { ...signing, modulusLength: keySize, publicExponent };
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<KeyPair>;
}

export async function selfSign(keys: KeyPair, options: CertificateOptions): Promise<IssuedCertificate> {
  const notAfter = wholeSeconds(options.notAfter?.getTime() ?? Date.now() + 365 * dayMs);
  const notBefore = wholeSeconds(Math.min(Date.now() - backdatedMs, notAfter.getTime() - dayMs));
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: options.subject,
    keys,
    notBefore,
    notAfter,
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const thumbprint = await certificate.getThumbprint("SHA-256");
  return {
    pem: certificate.toString("pem"),
    x5tS256: Buffer.from(thumbprint).toString("base64url"),
    notBefore,
    notAfter,
  };
}

/** Certificates and key attributes have no fractions of a second. */
function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}
