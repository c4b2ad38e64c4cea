/** What is stored of a source: only what was accepted. One object, replaced as a whole or not at all. */
export interface LastKnownGood {
  version: 1;
  federation?: FederationRecord;
  discovery?: DocumentRecord;
  jwks?: KeysRecord;
  /** Every key that was ever seen and is not forgotten yet, for the history and for keys on their way out. */
  keys: KeyRecord[];
  /** The minimal document for SAML relying parties, signed by our publisher key. */
  idp?: IdpRecord;
}

export interface DocumentRecord {
  /** The bytes as received, base64. */
  body: string;
  /** Only ever the ETag of this body: one of a refused document would make the next poll look unchanged. */
  etag?: string;
  sha256: string;
  /** Milliseconds since 1970: when the bytes came, and when Entra last said that they are still the ones. */
  fetchedAtMs: number;
  verifiedAtMs: number;
  /** The TLS chain that they came over. */
  chain: readonly { subject: string; fingerprint256: string }[];
}

export interface FederationRecord extends DocumentRecord {
  signedBy: string;
  kids: readonly string[];
}

export interface KeysRecord extends DocumentRecord {
  kids: readonly string[];
  keys: readonly PublishedKey[];
}

export interface KeyRecord {
  kid: string;
  /** The public key (RFC 7518 §6.3.1): one that is no longer published is still needed for a day. */
  n: string;
  e: string;
  /** Milliseconds since 1970. */
  firstSeenMs: number;
  lastSeenMs: number;
  /** When a token or a document was first seen to be signed with it. */
  firstUsedMs?: number;
  /** When it was first missing from the published keys. */
  removedMs?: number;
}

export interface IdpRecord {
  /** base64. */
  body: string;
  sha256: string;
  /** Of the federation metadata that it was made from. */
  madeFromSha256: string;
  publisherX5tS256: string;
  validUntilMs: number;
}

/** Entra's advice for validators: a key that was not seen for a day is not trusted any more. */
export const keyLifetimeMs = 86_400_000;
/** How long the history remembers a key that is gone. */
const historyMs = 400 * 86_400_000;

export interface PublishedKey {
  kid: string;
  n: string;
  e: string;
}

/** The history after a look at the published keys. Never drops what is still trusted. */
export function observeKeys(
  history: readonly KeyRecord[],
  published: readonly PublishedKey[],
  firstUses: ReadonlyMap<string, number>,
  nowMs: number,
): KeyRecord[] {
  const publishedKids = new Set(published.map(({ kid }) => kid));
  const known = new Set(history.map(({ kid }) => kid));
  const added = published
    .filter(({ kid }) => !known.has(kid))
    .map((key): KeyRecord => ({ ...key, firstSeenMs: nowMs, lastSeenMs: nowMs }));
  const records = [...history, ...added].map(({ removedMs, ...before }): KeyRecord => {
    const firstUsedMs = before.firstUsedMs ?? firstUses.get(before.kid);
    const key = { ...before, ...(firstUsedMs === undefined ? {} : { firstUsedMs }) };
    return publishedKids.has(key.kid) ? { ...key, lastSeenMs: nowMs } : { ...key, removedMs: removedMs ?? nowMs };
  });
  return records.filter(({ lastSeenMs }) => nowMs - lastSeenMs < historyMs);
}

/** Keys that may verify a token now: seen among the published ones within the last day. */
export function trustedKeys(keys: readonly KeyRecord[], nowMs: number): KeyRecord[] {
  return keys.filter(({ lastSeenMs }) => nowMs - lastSeenMs < keyLifetimeMs);
}
