import { createHash, createPublicKey, type JsonWebKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Cloud } from "../shared/cloud.ts";
import { expectedIssuer, type MetadataSource } from "../shared/metadata-source.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import { parseJsonObject } from "./accept-discovery.ts";
import type { PublishedKey } from "./last-known-good.ts";
import type { MetadataRefusal } from "./refusal.ts";

const minModulusBits = 2048;
const maxKeys = 256;

/**
 * Checks a JWK Set (RFC 7517). Keys of other kinds and uses are passed over; a key that contradicts itself refuses the
 * whole set, for such a document is not Entra's. `kid`, `x5t` and the certificate of a key must name the same key.
 */
export function acceptJwks(
  body: Uint8Array,
  source: MetadataSource,
  cloud: Cloud,
): Result<readonly PublishedKey[], MetadataRefusal> {
  const document = parseJsonObject(body);
  if (!document || !Array.isArray(document.keys)) return refuse({ reason: "jwks_not_readable" });
  if (document.keys.length > maxKeys) return refuse({ reason: "jwks_too_many_keys", maxKeys });
  const keys = new Map<string, PublishedKey>();
  for (const jwk of document.keys as unknown[]) {
    const key = acceptKey(jwk, expectedIssuer(cloud, source));
    if (key === undefined) continue;
    if (typeof key === "string") return refuse({ reason: "jwks_key_contradictory", rule: key });
    if (keys.has(key.kid)) return refuse({ reason: "jwks_key_contradictory", rule: "two keys have one kid" });
    keys.set(key.kid, key);
  }
  return keys.size > 0 ? ok([...keys.values()]) : refuse({ reason: "jwks_without_usable_key" });
}

/** The key; undefined for one that is not for us; or the rule that it breaks. */
function acceptKey(jwk: unknown, issuer: string): PublishedKey | undefined | string {
  if (typeof jwk !== "object" || jwk === null) return "a key is not an object";
  const { kid, kty, use, x5t, x5c, issuer: keyIssuer } = jwk as Record<string, unknown>;
  if (kty !== "RSA" || (use !== undefined && use !== "sig") || typeof kid !== "string") return undefined;
  // Tenant-independent sets hold keys that speak for one tenant only: such a key must not verify anybody else's tokens.
  if (keyIssuer !== undefined && keyIssuer !== issuer) return undefined;
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
  } catch {
    return "a key is not an RSA public key";
  }
  if ((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < minModulusBits) return "an RSA key is too short";
  if (x5c !== undefined) {
    const rule = contradiction(x5c, x5t, publicKey);
    if (rule !== undefined) return rule;
  }
  const { n, e } = publicKey.export({ format: "jwk" });
  return n && e ? { kid, n, e } : "a key is not an RSA public key";
}

/** RFC 7517 §4.7, §4.8: the first certificate holds the key, and `x5t` is its SHA-1 thumbprint. */
function contradiction(x5c: unknown, x5t: unknown, publicKey: KeyObject): string | undefined {
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined;
  if (typeof first !== "string") return "x5c is not a list of certificates";
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(Buffer.from(first, "base64"));
  } catch {
    return "x5c is not a certificate";
  }
  if (certificate.raw.toString("base64") !== first) return "x5c is not exactly one certificate";
  if (!certificate.publicKey.equals(publicKey)) return "n and e are not the key of x5c";
  const thumbprint = createHash("sha1").update(certificate.raw).digest("base64url");
  return x5t === undefined || x5t === thumbprint ? undefined : "x5t is not the thumbprint of x5c";
}
