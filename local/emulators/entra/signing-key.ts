/**
 * One RSA signing key with its self-signed certificate, named after the certificate's thumbprint as Entra does. Other
 * modules decide which keys are published and which one signs.
 */
import "reflect-metadata";
import { createHash, KeyObject, webcrypto } from "node:crypto";
import { type X509CertificateCreateSelfSignedParams, X509CertificateGenerator } from "@peculiar/x509";

export interface SigningKey {
  /** base64url of the SHA-1 digest of the certificate: `kid` and `x5t` alike. */
  kid: string;
  /** The self-signed certificate, base64 of its DER: `x5c` in a JWKS, and the content of a KeyDescriptor in metadata. */
  certificate: string;
  n: string;
  e: string;
  privateKey: KeyObject;
  /** The encoded JOSE header, the same for every token of this key. */
  header: string;
}

interface SigningKeyOptions {
  /** The name in the certificate. Default: the name in the keys that all tenants share. */
  name?: string;
  modulusLength?: number;
  notBefore?: Date;
  /** Default: in five years. */
  notAfter?: Date;
}

type KeyPair = X509CertificateCreateSelfSignedParams["keys"];

const yearMs = 365 * 24 * 60 * 60 * 1000;

/** Options for a key that signs the tokens of one application, with the names and lifetime of the real ones. */
export function applicationKeyOptions(): SigningKeyOptions {
  return { name: "CN=Microsoft Azure Federated SSO Certificate", notAfter: new Date(Date.now() + 3 * yearMs) };
}

export async function generateSigningKey(options: SigningKeyOptions = {}): Promise<SigningKey> {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: options.modulusLength ?? 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as KeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: options.name ?? "CN=accounts.accesscontrol.windows.net",
    keys,
    notBefore: options.notBefore ?? new Date(Date.now() - 60_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 5 * yearMs),
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(certificate.rawData);
  const { n = "", e = "" } = await webcrypto.subtle.exportKey("jwk", keys.publicKey);
  const kid = createHash("sha1").update(der).digest("base64url");
  const header = Buffer.from(JSON.stringify({ typ: "JWT", alg: "RS256", x5t: kid, kid })).toString("base64url");
  return { kid, certificate: der.toString("base64"), n, e, privateKey: KeyObject.from(keys.privateKey), header };
}
