import { constants, createHash, randomUUID, verify } from "node:crypto";
import { type Cloud, tokenEndpointOf } from "../cloud.ts";
import type { Guid } from "../guid.ts";
import type { SigningCertificate } from "./signing-certificate.ts";

/** RFC 7523 §2.2. */
export const clientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * Seconds. Entra sets no limit and advises 5 to 10 minutes; a captured assertion is good until `exp`, so it is made as
 * short as the exchange and its retries need (T11). `nbf` looks back to forgive a clock that is a little behind.
 */
const lifetimeSeconds = 120;
const notBeforeSkewSeconds = 30;
const saltLengthBytes = 32;

export interface UnsignedAssertion {
  /** base64url(header).base64url(claims), RFC 7515 §5.1. */
  signingInput: string;
  /** SHA-256 of the signing input: all that the vault ever sees. */
  digest: Uint8Array;
  /** Seconds since 1970. */
  expiresAt: number;
}

/**
 * Builds what is signed (RFC 7523 §3, header as Entra documents it: PS256, `x5t#S256`). The only function that does:
 * it takes a validated client and tenant, never claims or bytes, so Keyhold is no signing oracle (T9, invariant I7).
 */
export function buildClientAssertion(
  certificate: SigningCertificate,
  { cloud, clientId, tenantId, nowSeconds }: { cloud: Cloud; clientId: Guid; tenantId: Guid; nowSeconds: number },
): UnsignedAssertion {
  const header = { alg: "PS256", typ: "JWT", "x5t#S256": certificate.x5tS256 };
  const expiresAt = nowSeconds + lifetimeSeconds;
  const claims = {
    aud: tokenEndpointOf(cloud, tenantId),
    iss: clientId,
    sub: clientId,
    jti: randomUUID(),
    iat: nowSeconds,
    nbf: nowSeconds - notBeforeSkewSeconds,
    exp: expiresAt,
  };
  const signingInput = `${base64url(header)}.${base64url(claims)}`;
  return { signingInput, digest: createHash("sha256").update(signingInput).digest(), expiresAt };
}

/** Whether the signature is PS256 by the registered certificate (RFC 7518 §3.5). Checked before it is used (I5). */
export function isSignedBy(certificate: SigningCertificate, signingInput: string, signature: Uint8Array): boolean {
  const key = { key: certificate.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltLengthBytes };
  return verify("sha256", Buffer.from(signingInput), key, signature);
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
