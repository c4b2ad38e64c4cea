/**
 * The local certificate authority. It is created once in a git-ignored folder and issues the server certificates of the
 * emulators, so that the product runs with every TLS check enabled. Only processes that get its certificate
 * (NODE_EXTRA_CA_CERTS) trust it; nothing is installed on the machine.
 */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
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
  X509Certificate,
  type X509CertificateCreateSelfSignedParams,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** The library's own type: a dependency adds browser types, in which `CryptoKey` is a different type. */
type KeyPair = X509CertificateCreateSelfSignedParams["keys"];

/** A server's certificate chain and private key, both PEM. */
export interface TlsIdentity {
  certificate: string;
  privateKey: string;
}

export interface CertificateAuthority {
  /** The root certificate, PEM. */
  certificate: string;
  /** The path of the root certificate, for NODE_EXTRA_CA_CERTS and curl --cacert. */
  certificateFile: string;
  issue(hostNames: readonly string[]): Promise<TlsIdentity>;
}

const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 60 * 60 * 1000;
const rootLifetimeDays = 365;
const leafLifetimeDays = 90;

/** Opens the authority in `folder`. Creates it if there is none, or if it expires within a leaf's lifetime. */
export async function openCertificateAuthority(folder: string): Promise<CertificateAuthority> {
  const certificateFile = join(folder, "ca.pem");
  const keyFile = join(folder, "ca.key.pem");
  const root = (await load(certificateFile, keyFile)) ?? (await create(folder, certificateFile, keyFile));
  return {
    certificate: root.certificate.toString("pem"),
    certificateFile,
    issue: (hostNames) => issue(root, hostNames),
  };
}

interface Root {
  certificate: X509Certificate;
  privateKey: KeyPair["privateKey"];
}

async function load(certificateFile: string, keyFile: string): Promise<Root | undefined> {
  let pems: [string, string];
  try {
    pems = await Promise.all([readFile(certificateFile, "utf8"), readFile(keyFile, "utf8")]);
  } catch {
    return undefined;
  }
  const certificate = new X509Certificate(pems[0]);
  if (certificate.notAfter.getTime() < Date.now() + leafLifetimeDays * dayMs) return undefined;
  const pkcs8 = PemConverter.decodeFirst(pems[1]);
  const imported = await webcrypto.subtle.importKey("pkcs8", pkcs8, keyAlgorithm, true, ["sign"]);
  const privateKey = imported as KeyPair["privateKey"];
  return { certificate, privateKey };
}

async function create(folder: string, certificateFile: string, keyFile: string): Promise<Root> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Keyhold local development CA",
    keys,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + rootLifetimeDays * dayMs),
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await mkdir(folder, { recursive: true });
  await writeFile(keyFile, await pemOf(keys.privateKey), { mode: 0o600 });
  await writeFile(certificateFile, certificate.toString("pem"));
  return { certificate, privateKey: keys.privateKey };
}

async function issue(root: Root, hostNames: readonly string[]): Promise<TlsIdentity> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${hostNames[0]}`,
    issuer: root.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: root.privateKey,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + leafLifetimeDays * dayMs),
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        hostNames.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
      await AuthorityKeyIdentifierExtension.create(root.certificate),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), privateKey: await pemOf(keys.privateKey) };
}

function generateKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]) as Promise<KeyPair>;
}

async function pemOf(privateKey: KeyPair["privateKey"]): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", privateKey), "PRIVATE KEY");
}
