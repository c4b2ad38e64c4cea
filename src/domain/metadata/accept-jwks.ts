import type { Cloud } from "../shared/cloud.ts";
import { expectedIssuer, type MetadataSource } from "../shared/metadata-source.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import { parseJsonObject } from "./accept-discovery.ts";
import type { SetKey } from "./last-known-good.ts";
import { type PublishedKey, readPublishedKey } from "./published-key.ts";
import type { MetadataRefusal } from "./refusal.ts";

const maxKeys = 256;

export interface AcceptedKeys {
  keys: readonly SetKey[];
  /** The key set with these keys only, each as received: unverified keys are not republished. */
  body: Uint8Array;
}

/**
 * Checks a JWK Set (RFC 7517) as Entra publishes it: `kid` and `x5t` are the SHA-1 thumbprint of `x5c[0]`, and `n` and
 * `e` are that certificate's. Keys of other kinds and uses are left out; a signing key that contradicts itself causes
 * the whole set to be rejected, since Entra publishes no such document.
 *
 * @param known keys that were seen before, none of their names may belong to another key now
 */
export function acceptJwks(
  body: Uint8Array,
  source: MetadataSource,
  cloud: Cloud,
  known: Iterable<PublishedKey> = [],
): Result<AcceptedKeys, MetadataRefusal> {
  const document = parseJsonObject(body);
  if (!document || !Array.isArray(document.keys)) return refuse({ reason: "jwks_not_readable" });
  if (document.keys.length > maxKeys) return refuse({ reason: "jwks_too_many_keys", maxKeys });
  const issuer = expectedIssuer(cloud, source);
  const knownKeys = new Map([...known].map((key) => [key.kid, key]));
  const entries = document.keys as unknown[];
  const changed = entries.map((entry) => changedKid(entry, knownKeys)).find((kid) => kid !== undefined);
  if (changed !== undefined) return refuse({ reason: "jwks_known_key_changed", kid: changed });
  const accepted = new Map<string, { key: SetKey; entry: unknown }>();
  for (const entry of entries) {
    const key = acceptKey(entry, issuer);
    if (key === undefined) continue;
    if (typeof key === "string") return refuse({ reason: "jwks_key_contradictory", rule: key });
    if (accepted.has(key.kid)) return refuse({ reason: "jwks_key_contradictory", rule: "two keys have one kid" });
    accepted.set(key.kid, { key, entry });
  }
  const kept = [...accepted.values()];
  const keys = kept.map(({ key }) => key);
  if (keys.every(({ otherIssuer }) => otherIssuer)) return refuse({ reason: "jwks_without_usable_key" });
  return ok({ keys, body: Buffer.from(JSON.stringify({ keys: kept.map(({ entry }) => entry) })) });
}

/** A different key under the name of a known one. Reported even if other things are wrong with the set. */
function changedKid(entry: unknown, known: ReadonlyMap<unknown, PublishedKey>): string | undefined {
  if (typeof entry !== "object" || entry === null) return undefined;
  const { kid, n, e, x5c } = entry as Record<string, unknown>;
  const before = known.get(kid);
  if (!before) return undefined;
  const certificate = Array.isArray(x5c) ? x5c[0] : before.certificate;
  return before.n === n && before.e === e && before.certificate === certificate ? undefined : before.kid;
}

/** The key; undefined for one that is not for signatures by RSA; or the rule that it breaks. */
function acceptKey(entry: unknown, issuer: string): SetKey | undefined | string {
  if (typeof entry !== "object" || entry === null) return "a key is not an object";
  const { kid, kty, use, n, e, x5t, x5c, issuer: keyIssuer } = entry as Record<string, unknown>;
  if (kty !== "RSA" || (use !== undefined && use !== "sig")) return undefined;
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined;
  if (typeof first !== "string") return "x5c is not a list of certificates";
  const read = readPublishedKey(Buffer.from(first, "base64"));
  if (!read.ok) return `x5c: ${read.refusal}`;
  const { key } = read.value;
  if (key.certificate !== first) return "x5c is not base64 of a certificate";
  if (n !== key.n || e !== key.e) return "n and e are not the key of x5c";
  if (x5t !== key.kid) return "x5t is not the thumbprint of x5c";
  if (kid !== key.kid) return "kid is not the thumbprint of x5c";
  // Tenant-independent sets hold keys that speak for one tenant only: such a key must not verify anybody else's tokens.
  return keyIssuer !== undefined && keyIssuer !== issuer ? { ...key, otherIssuer: true } : key;
}
