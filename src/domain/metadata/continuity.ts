/**
 * Whether something that we knew before vouches for a new document. A signature alone proves nothing here: an
 * attacker's document is signed by the attacker's key as properly as Entra's is by Entra's. Pinned TLS says that it
 * came from Entra's host; continuity says that it follows from what came before.
 */
export type Continuity = "first" | "continuous" | "discontinuous";

/** Federation metadata: signed by a key of the last-known-good document. */
export function continuityOfFederation(previousKids: readonly string[] | undefined, signedBy: string): Continuity {
  if (previousKids === undefined) return "first";
  return previousKids.includes(signedBy) ? "continuous" : "discontinuous";
}

/**
 * A key set is not signed. It follows if every key of it was known before, or is listed in federation metadata that
 * itself followed.
 */
export function continuityOfKeys(
  previousKids: readonly string[] | undefined,
  kids: readonly string[],
  vouchedKids: readonly string[],
): Continuity {
  if (previousKids === undefined) return "first";
  const known = new Set([...previousKids, ...vouchedKids]);
  return kids.every((kid) => known.has(kid)) ? "continuous" : "discontinuous";
}

export interface KeyChange {
  added: readonly string[];
  removed: readonly string[];
  /** Nothing of before is left: an emergency, or somebody else's keys. Always worth an alarm. */
  isReplacement: boolean;
}

/** What differs between two sets of key ids; undefined `previousKids` means that nothing was known before. */
export function changeOfKeys(previousKids: readonly string[] | undefined, kids: readonly string[]): KeyChange {
  const before = previousKids ?? [];
  const removed = before.filter((kid) => !kids.includes(kid));
  return {
    added: kids.filter((kid) => !before.includes(kid)),
    removed,
    isReplacement: before.length > 0 && removed.length === before.length,
  };
}
