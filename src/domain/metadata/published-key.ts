import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { ok, type Result, refuse } from "../shared/result.ts";

/**
 * A signing key as Entra publishes it: by its certificate, from which everything else follows (RFC 7517 §4.7). Keys are
 * compared by `n`, never by name, since anybody can give a key any name.
 */
export interface PublishedKey {
  /** base64url(SHA-1(DER of the certificate)), as Entra names its keys. */
  kid: string;
  /** The public key (RFC 7518 §6.3.1). `e` is always AQAB. */
  n: string;
  e: string;
  /** base64 of the DER, without white space. */
  certificate: string;
}

/** Why a certificate is not that of a signing key. */
export type KeyRule =
  | "the certificate is not readable"
  | "the certificate is not exactly one in DER"
  | "the key is not RSA"
  | "the key is too short"
  | "the public exponent is not 65537";

const minModulusBits = 2048;
/** Entra uses no other exponent; with 1 anybody could forge signatures. */
const publicExponent = 65_537n;

/** The key of an RSA certificate, if it has at least 2048 bits and the exponent 65537. Never throws. */
export function readPublishedKey(der: Uint8Array): Result<{ key: PublishedKey; publicKey: KeyObject }, KeyRule> {
  let certificate: X509Certificate;
  let publicKey: KeyObject;
  try {
    certificate = new X509Certificate(der);
    publicKey = certificate.publicKey;
  } catch {
    return refuse("the certificate is not readable");
  }
  // OpenSSL stops reading at the end of the certificate, and reads PEM too.
  if (!certificate.raw.equals(der)) return refuse("the certificate is not exactly one in DER");
  const { asymmetricKeyType, asymmetricKeyDetails: details } = publicKey;
  if (asymmetricKeyType !== "rsa") return refuse("the key is not RSA");
  if ((details?.modulusLength ?? 0) < minModulusBits) return refuse("the key is too short");
  if (details?.publicExponent !== publicExponent) return refuse("the public exponent is not 65537");
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  const kid = createHash("sha1").update(der).digest("base64url");
  return ok({ key: { kid, n, e, certificate: certificate.raw.toString("base64") }, publicKey });
}

/** The public key of what is stored, if its name, its numbers and its certificate are of one and the same key. */
export function verifyPublishedKey({ kid, n, e, certificate }: PublishedKey): KeyObject | undefined {
  const read = readPublishedKey(Buffer.from(certificate, "base64"));
  if (!read.ok) return undefined;
  const { key, publicKey } = read.value;
  const isSame = key.kid === kid && key.n === n && key.e === e && key.certificate === certificate;
  return isSame ? publicKey : undefined;
}
