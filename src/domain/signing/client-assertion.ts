import { randomUUID } from "node:crypto";
import { type Cloud, tokenEndpointOf } from "../shared/cloud.ts";
import type { Guid } from "../shared/guid.ts";
import type { SigningCertificate } from "./certificate.ts";
import type { Signable } from "./sign.ts";

/** RFC 7523 §2.2. */
export const clientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * Seconds. Entra sets no limit and advises 5 to 10 minutes; a captured assertion is good until `exp`, so it is made as
 * short as the exchange and its retries need (T11). `nbf` looks back to forgive a clock that is a little behind.
 */
const lifetimeSeconds = 120;
const notBeforeSkewSeconds = 30;

export interface UnsignedAssertion extends Signable {
  /** base64url(header).base64url(claims), RFC 7515 §5.1; the same as `bytes`. */
  signingInput: string;
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
  const header = { alg: "PS256" as const, typ: "JWT", "x5t#S256": certificate.x5tS256 };
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
  return { algorithm: header.alg, bytes: Buffer.from(signingInput), signingInput, expiresAt };
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
