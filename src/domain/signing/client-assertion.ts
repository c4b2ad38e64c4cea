import { randomUUID } from "node:crypto";
import { type Cloud, tokenEndpointOf } from "../shared/cloud.ts";
import type { Guid } from "../shared/guid.ts";
import type { SigningCertificate } from "./certificate.ts";
import type { Signable } from "./sign.ts";

/** `client_assertion_type` (RFC 7523 §2.2). */
export const clientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * Seconds. Entra sets no limit and recommends 5 to 10 minutes. A captured assertion is valid until `exp`, so the
 * lifetime is only as long as the exchange and its retries need (T11). `nbf` is in the past to tolerate a clock at
 * Entra that is a little behind ours.
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
 * Builds the assertion to be signed (RFC 7523 §3; header as Entra documents it: PS256, `x5t#S256`). No other function
 * does. It takes a validated client and tenant, never claims or bytes, so Keyhold is not a signing oracle (T9,
 * invariant I7).
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
