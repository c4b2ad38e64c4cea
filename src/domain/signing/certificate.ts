import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import type { Cloud } from "../shared/cloud.ts";

/** A key version in the vault, with the public certificate that is registered for it in Entra. */
export interface SigningCertificate {
  /** Versioned key URL. Confidential, because it contains the vault's name. */
  keyId: string;
  keyName: string;
  keyVersion: string;
  /** base64url(SHA-256(DER certificate)), the JOSE header `x5t#S256` (RFC 7515 §4.1.8). */
  x5tS256: string;
  /**
   * SHA-1 of the DER, upper-case hexadecimal: the identifier in Entra's portal and Microsoft Graph. Never used for
   * trust.
   */
  thumbprint: string;
  /** Base64 of the DER. */
  der: string;
  publicKey: KeyObject;
  /** Milliseconds since 1970. */
  notBeforeMs: number;
  notAfterMs: number;
}

const minModulusBits = 2048;
const keyPath = /^\/keys\/([0-9A-Za-z-]{1,127})\/([0-9a-f]{32})$/;

/** The certificate, or the rules that it breaks. Never repeats the value: no message may contain a key URL (I6). */
export function parseSigningCertificate(keyId: string, pem: string, cloud: Cloud): SigningCertificate | string[] {
  const problems: string[] = [];
  const key = parseKeyId(keyId, cloud);
  if (key === undefined) {
    problems.push(
      `keyId must be a versioned key URL of this cloud, https://<vault>${cloud.vaultHostSuffix}/keys/<name>/<32 hexadecimal digits>`,
    );
  }
  const certificate = parseCertificate(pem);
  if (typeof certificate === "string") problems.push(certificate);
  if (key === undefined || typeof certificate === "string") return problems;
  return {
    keyId,
    ...key,
    x5tS256: createHash("sha256").update(certificate.raw).digest("base64url"),
    thumbprint: createHash("sha1").update(certificate.raw).digest("hex").toUpperCase(),
    der: certificate.raw.toString("base64"),
    publicKey: certificate.publicKey,
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  };
}

/**
 * Name and version from a versioned key URL. Undefined if the host is not a vault of this cloud, because it would
 * receive our access token for the vault (I8), or if the URL has any other form.
 */
export function parseKeyId(keyId: string, cloud: Cloud): { keyName: string; keyVersion: string } | undefined {
  if (!URL.canParse(keyId)) return undefined;
  const url = new URL(keyId);
  const vaultName = url.hostname.slice(0, -cloud.vaultHostSuffix.length);
  const isVault = url.hostname.endsWith(cloud.vaultHostSuffix) && /^[0-9a-z-]{3,24}$/.test(vaultName);
  const [, keyName, keyVersion] = keyPath.exec(url.pathname) ?? [];
  // Only origin and path are allowed: no user, port, query or fragment.
  if (!isVault || keyId !== `https://${url.hostname}${url.pathname}`) return undefined;
  return keyName && keyVersion ? { keyName, keyVersion } : undefined;
}

function parseCertificate(pem: string): X509Certificate | string {
  if (pem.includes("PRIVATE KEY")) return "certificate must be public: remove the private key, and rotate it";
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return "certificate must be one X.509 certificate as PEM (-----BEGIN CERTIFICATE-----, line breaks as \\n)";
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  if (asymmetricKeyType !== "rsa" || (asymmetricKeyDetails?.modulusLength ?? 0) < minModulusBits) {
    return `certificate must hold an RSA key of at least ${minModulusBits} bits: Entra takes no other for applications`;
  }
  return certificate;
}
