import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { SharedToken } from "../../domain/issuing/ports.ts";
import type { TokenCacheKey } from "../../domain/issuing/token-cache.ts";

/** The times that are stored in clear text beside the sealed token, and bound to it. */
export type SealedTimes = Pick<SharedToken, "expiresAt" | "lifetimeSeconds" | "mintedAtMs">;

const cipher = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** Length of the key that the vault unwraps, bytes. */
export const rootKeyBytes = 32;

/**
 * Encrypts an access token with AES-256-GCM (NIST SP 800-38D). Returns nonce, ciphertext and tag as one buffer.
 * Associated data binds it to its place and times, so that a row that was moved, altered or given a later expiry cannot
 * be opened.
 */
export function sealToken(rootKey: Uint8Array, place: TokenCacheKey, { accessToken, ...times }: SharedToken): Buffer {
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, keyOfDay(rootKey, times), nonce).setAAD(bound(place, times));
  return Buffer.concat([nonce, sealing.update(accessToken, "utf8"), sealing.final(), sealing.getAuthTag()]);
}

/**
 * Decrypts the access token.
 * @throws Error if it was not sealed under this key for this place and these times
 */
export function openToken(rootKey: Uint8Array, place: TokenCacheKey, times: SealedTimes, sealed: Uint8Array): string {
  if (sealed.length < nonceBytes + tagBytes) throw new Error("the sealed token is cut off");
  const opening = createDecipheriv(cipher, keyOfDay(rootKey, times), sealed.subarray(0, nonceBytes));
  opening.setAAD(bound(place, times)).setAuthTag(sealed.subarray(-tagBytes));
  return opening.update(sealed.subarray(nonceBytes, -tagBytes), undefined, "utf8") + opening.final("utf8");
}

/**
 * The key of a day (UTC), derived with HKDF (RFC 5869). If one of these keys leaks, only the tokens of that day can be
 * read.
 */
function keyOfDay(rootKey: Uint8Array, { mintedAtMs }: SealedTimes): Uint8Array {
  const day = new Date(mintedAtMs).toISOString().slice(0, 10);
  return new Uint8Array(hkdfSync("sha256", rootKey, "", `keyhold shared token ${day}`, rootKeyBytes));
}

function bound({ cloud, clientId, tenantId, scope }: TokenCacheKey, times: SealedTimes): Buffer {
  const { expiresAt, lifetimeSeconds, mintedAtMs } = times;
  return Buffer.from(JSON.stringify([1, cloud, clientId, tenantId, scope, expiresAt, lifetimeSeconds, mintedAtMs]));
}
