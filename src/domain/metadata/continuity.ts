import { type FormerKey, keyLifetimeMs } from "./last-known-good.ts";
import type { PublishedKey } from "./published-key.ts";

/**
 * Whether a known key vouches for a new document. A signature alone proves nothing, since an attacker can sign a
 * document with a key that it lists itself. Pinned TLS proves that it came from Entra's host; continuity, that it
 * follows from known documents.
 */
export type Continuity = "first" | "continuous" | "discontinuous";

/**
 * Federation metadata follows if it is signed by a key of the last-known-good document, and lists no key that was
 * withdrawn long ago.
 */
export function continuityOfFederation(
  previous: readonly PublishedKey[] | undefined,
  former: readonly FormerKey[],
  { keys, signedBy }: { keys: readonly PublishedKey[]; signedBy: string },
  nowMs: number,
): Continuity {
  if (previous === undefined) return "first";
  const signer = keys.find(({ kid }) => kid === signedBy);
  const follows = signer !== undefined && previous.some(({ n }) => n === signer.n);
  return follows && !returns(keys, former, nowMs) ? "continuous" : "discontinuous";
}

/**
 * A key set is not signed. It follows if each of its keys was published within the last day, or is listed in federation
 * metadata that was itself accepted (`vouching`).
 */
export function continuityOfKeys(
  previous: readonly PublishedKey[] | undefined,
  former: readonly FormerKey[],
  keys: readonly PublishedKey[],
  vouching: readonly PublishedKey[],
  nowMs: number,
): Continuity {
  if (previous === undefined) return "first";
  const known = new Set([...previous, ...former, ...vouching].map(({ n }) => n));
  const follows = keys.every(({ n }) => known.has(n));
  return follows && !returns(keys, former, nowMs) ? "continuous" : "discontinuous";
}

/** A withdrawn key may have been stolen since, so nothing can vouch for its return. */
function returns(keys: readonly PublishedKey[], former: readonly FormerKey[], nowMs: number): boolean {
  const gone = new Set(former.filter((key) => isLongGone(key, nowMs)).map(({ n }) => n));
  return keys.some(({ n }) => gone.has(n));
}

function isLongGone({ removedMs }: FormerKey, nowMs: number): boolean {
  return removedMs !== undefined && nowMs - removedMs > keyLifetimeMs;
}

export interface KeyChange {
  added: readonly string[];
  removed: readonly string[];
  /** No known key is left: an emergency rollover, or somebody else's keys. Always raises an alarm. */
  isReplacement: boolean;
}

/** What differs between two sets of keys, by `kid`; undefined `previous` means that nothing was known before. */
export function changeOfKeys(
  previous: readonly PublishedKey[] | undefined,
  keys: readonly PublishedKey[] = [],
): KeyChange {
  const before = (previous ?? []).map(({ kid }) => kid);
  const now = keys.map(({ kid }) => kid);
  const removed = before.filter((kid) => !now.includes(kid));
  return {
    added: now.filter((kid) => !before.includes(kid)),
    removed,
    isReplacement: before.length > 0 && removed.length === before.length,
  };
}
