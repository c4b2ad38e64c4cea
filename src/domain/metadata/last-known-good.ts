import type { PublishedKey } from "./published-key.ts";

/**
 * What is stored of a source: only what was accepted. One object, replaced as a whole or not at all. Version 1 had no
 * certificates (stored-record.ts).
 */
export interface LastKnownGood {
  version: 2;
  federation?: FederationRecord;
  discovery?: DocumentRecord;
  jwks?: KeysRecord;
  /** Every key that was ever seen and is not forgotten yet, for the history and for keys on their way out. */
  keys: KeyRecord[];
  /** The minimal document for SAML relying parties, signed by our publisher key. */
  idp?: IdpRecord;
  /** The results of the last refresh. */
  refreshed?: RefreshRecord;
  /** Documents in use that no known key vouches for. */
  alarms?: readonly StandingAlarm[];
}

export type MetadataDocument = "federation" | "discovery" | "jwks";

/** A change of keys that was accepted, and is reported for a day. Keys by `kid`. */
export interface StandingAlarm {
  event: "metadata_discontinuous" | "metadata_keys_replaced";
  document: MetadataDocument;
  added: readonly string[];
  removed: readonly string[];
  /** Milliseconds since 1970. */
  atMs: number;
}

export interface RefreshRecord {
  /** Milliseconds since 1970. */
  atMs: number;
  federation: RefreshOutcome;
  discovery: RefreshOutcome;
  jwks: RefreshOutcome;
  /** The last request of an operator that was carried out (refresh-requests.ts). */
  requestId?: string;
}

/** `held`: nothing known vouches for the document. Otherwise the reason of its refusal. */
export type RefreshOutcome = "unchanged" | "changed" | "held" | (string & {});

export interface DocumentRecord {
  /** The bytes as received, base64. */
  body: string;
  /** The ETag of this body only: with that of a refused document the next poll would be answered as unchanged. */
  etag?: string;
  sha256: string;
  /** Milliseconds since 1970: when the bytes were received, and when Entra last confirmed that they are current. */
  fetchedAtMs: number;
  verifiedAtMs: number;
  /** The TLS chain that they were received over. */
  chain: readonly { subject: string; fingerprint256: string }[];
}

export interface FederationRecord extends DocumentRecord {
  /** `kid` of one of `keys`. */
  signedBy: string;
  keys: readonly PublishedKey[];
  /** Keys that earlier documents listed and this one does not. */
  former: readonly FormerKey[];
}

export interface KeysRecord extends DocumentRecord {
  keys: readonly SetKey[];
}

export interface FormerKey extends PublishedKey {
  /** When it was first missing; undefined for one that is still published. Milliseconds since 1970. */
  removedMs?: number;
}

export interface SetKey extends PublishedKey {
  /** Published for another issuer (Entra's member `issuer`): republished, and never used for callers' tokens. */
  otherIssuer?: true;
}

export interface KeyRecord extends FormerKey {
  /** Milliseconds since 1970. */
  firstSeenMs: number;
  lastSeenMs: number;
  /** When a token or a document was first seen to be signed with it. */
  firstUsedMs?: number;
  /** When it was first missing, where that was no planned rollover: its successor had been known for less than a day. */
  withdrawnMs?: number;
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

/** The format that was stored until version 0.1.0: keys without certificates, federation metadata by thumbprints. */
export interface RecordVersion1 extends Pick<LastKnownGood, "discovery" | "idp"> {
  version: 1;
  federation?: DocumentRecord;
  jwks?: DocumentRecord;
  keys: readonly Omit<KeyRecord, "certificate">[];
}

export type StoredRecord = LastKnownGood | RecordVersion1;

/** A key that was not seen for a day is no longer trusted (Entra's advice for validators). */
export const keyLifetimeMs = 86_400_000;
/** As long as a key that was replaced is still trusted. */
const alarmStandsMs = keyLifetimeMs;
/** How long the history remembers a key that is gone. */
const historyMs = 400 * 86_400_000;

/** Known for less than a day: a key is only replaced faster than this if it had to be withdrawn. */
const plannedAfterMs = 86_400_000;
/** The longest lifetime of an access token, somewhat over 24 h: until then a token may name a withdrawn key. */
const tokenLifetimeMs = 28 * 3_600_000;

/**
 * The history after a look at the published keys of our issuer. Never drops what is still trusted. `follows`: the key
 * set follows from what was known before; otherwise a missing key has no meaning.
 */
export function observeKeys(
  history: readonly KeyRecord[],
  published: readonly SetKey[],
  firstUses: ReadonlyMap<string, number>,
  nowMs: number,
  follows: boolean,
): KeyRecord[] {
  const ours = published.filter(({ otherIssuer }) => !otherIssuer);
  const publishedKids = new Set(ours.map(({ kid }) => kid));
  const known = new Set(history.map(({ kid }) => kid));
  const added = ours
    .filter(({ kid }) => !known.has(kid))
    .map((key): KeyRecord => ({ ...key, firstSeenMs: nowMs, lastSeenMs: nowMs }));
  const all = [...history, ...added];
  const newestMs = Math.max(...all.filter(({ kid }) => publishedKids.has(kid)).map(({ firstSeenMs }) => firstSeenMs));
  const isUnplanned = follows && nowMs - newestMs < plannedAfterMs;
  const records = all.map(({ removedMs, withdrawnMs, ...before }): KeyRecord => {
    const firstUsedMs = before.firstUsedMs ?? firstUses.get(before.kid);
    const key = { ...before, ...(firstUsedMs === undefined ? {} : { firstUsedMs }) };
    if (publishedKids.has(key.kid)) return { ...key, lastSeenMs: nowMs };
    const isWithdrawn = removedMs === undefined && isUnplanned && newestMs > key.firstSeenMs;
    const sinceMs = withdrawnMs ?? (isWithdrawn ? nowMs : undefined);
    return { ...key, removedMs: removedMs ?? nowMs, ...(sinceMs !== undefined && { withdrawnMs: sinceMs }) };
  });
  return records.filter(({ lastSeenMs }) => nowMs - lastSeenMs < historyMs);
}

/** The former keys of a document whose keys were `before` and are `keys` now. */
export function formerKeys(
  former: readonly FormerKey[],
  before: readonly PublishedKey[],
  keys: readonly PublishedKey[],
  nowMs: number,
): FormerKey[] {
  const listed = new Set(keys.map(({ kid }) => kid));
  const left = before.map((key): FormerKey => ({ ...key, removedMs: nowMs }));
  return [...former.filter(({ removedMs = nowMs }) => nowMs - removedMs < historyMs), ...left].filter(
    ({ kid }) => !listed.has(kid),
  );
}

/** The alarms that are still reported. One with a time in the future is dropped, since it would never end. */
export function standingAlarms(alarms: readonly StandingAlarm[], nowMs: number): StandingAlarm[] {
  return alarms.filter(({ atMs }) => atMs <= nowMs && nowMs - atMs < alarmStandsMs);
}

/**
 * Keys that were withdrawn while tokens signed by them may still be valid: by `kid` the time, milliseconds since 1970.
 */
export function withdrawnKeys(keys: readonly KeyRecord[], nowMs: number): Map<string, number> {
  const withdrawn = new Map<string, number>();
  for (const { kid, withdrawnMs = Number.NEGATIVE_INFINITY } of keys) {
    if (nowMs - withdrawnMs < tokenLifetimeMs) withdrawn.set(kid, withdrawnMs);
  }
  return withdrawn;
}

/** Keys that may verify a token now: seen among the published ones within the last day. */
export function trustedKeys(keys: readonly KeyRecord[], nowMs: number): KeyRecord[] {
  return keys.filter((key) => isTrusted(key, nowMs));
}

/** Whether this key may verify a token now. */
export function isTrusted({ lastSeenMs }: KeyRecord, nowMs: number): boolean {
  return nowMs - lastSeenMs < keyLifetimeMs;
}
