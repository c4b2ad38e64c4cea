/**
 * The server certificates that an attacker in the middle could present, and the one that the real server presents, all
 * for one host name. The root that a client should pin is created here and discarded, so nothing can be issued under it
 * later.
 */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  type X509CertificateCreateSelfSignedParams,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { TlsIdentity } from "../emulators/shared/certificate-authority.ts";

export type LeafKind =
  | "good"
  | "unknownCa"
  | "selfSigned"
  | "wrongHost"
  | "expired"
  | "notYetValid"
  /** The server sends only the leaf, although there is an intermediate between it and the good root. */
  | "missingIntermediate";

export interface AttackerCertificates {
  /** The good root, to be pinned. */
  rootPem: string;
  /** The root of `unknownCa`, for example for NODE_EXTRA_CA_CERTS. */
  unknownRootPem: string;
  leaves: Record<LeafKind, TlsIdentity>;
}

type KeyPair = X509CertificateCreateSelfSignedParams["keys"];

interface Authority {
  certificate: X509Certificate;
  keys: KeyPair;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 60 * 60 * 1000;

export async function createAttackerCertificates(
  hostName = "login.microsoftonline.com",
): Promise<AttackerCertificates> {
  const [root, unknownRoot] = await Promise.all([authority("Good root"), authority("Unknown root")]);
  const intermediate = await authority("Good intermediate", root);
  const [good, unknownCa, selfSigned, wrongHost, expired, notYetValid, missingIntermediate] = await Promise.all([
    leaf(hostName, root),
    leaf(hostName, unknownRoot),
    leaf(hostName),
    leaf("attacker.example", root),
    leaf(hostName, root, -2, -1),
    leaf(hostName, root, 1, 2),
    leaf(hostName, intermediate),
  ]);
  return {
    rootPem: root.certificate.toString("pem"),
    unknownRootPem: unknownRoot.certificate.toString("pem"),
    leaves: { good, unknownCa, selfSigned, wrongHost, expired, notYetValid, missingIntermediate },
  };
}

async function authority(name: string, issuer?: Authority): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: issuer?.certificate.subject ?? `CN=${name}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    ...validity(-10, 10),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, issuer === undefined ? 1 : 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

/** Without an issuer it is self-signed. The days count from now. */
async function leaf(hostName: string, issuer?: Authority, fromDay = -1, toDay = 1): Promise<TlsIdentity> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${hostName}`,
    issuer: issuer?.certificate.subject ?? `CN=${hostName}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    ...validity(fromDay, toDay),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: "dns", value: hostName }]),
      await AuthorityKeyIdentifierExtension.create(issuer?.certificate ?? keys.publicKey),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificate: certificate.toString("pem"), privateKey: PemConverter.encode(pkcs8, "PRIVATE KEY") };
}

function validity(fromDay: number, toDay: number) {
  return { notBefore: new Date(Date.now() + fromDay * dayMs), notAfter: new Date(Date.now() + toDay * dayMs) };
}

function generateKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<KeyPair>;
}
