import type { IssuingEvent } from "./events.ts";
import type { CachedToken, TokenCache } from "./token-cache.ts";

/** Entra's signing keys that were withdrawn without notice. By `kid`: when it was noticed, milliseconds since 1970. */
export type WithdrawnKeys = ReadonlyMap<string, number>;

/**
 * Whether resources refuse the token although it has not expired, because Entra has withdrawn the key that signed it.
 * Tokens minted since then do not count, so a wrong key set costs at most one mint for each token. Works only if the
 * token is a readable JWT (RFC 7515 §4.1.4); for its client it is opaque.
 */
export function isOfWithdrawnKey(
  { accessToken, mintedAtMs }: Pick<CachedToken, "accessToken" | "mintedAtMs">,
  withdrawn: ReadonlyMap<unknown, number>,
): boolean {
  if (withdrawn.size === 0) return false;
  const withdrawnMs = withdrawn.get(kidOf(accessToken));
  return withdrawnMs !== undefined && mintedAtMs < withdrawnMs;
}

/** The `kid` of the header; undefined if there is none. */
function kidOf(token: string): unknown {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.slice(0, token.indexOf(".")), "base64url").toString());
    return (Object(header) as { kid?: unknown }).kid;
  } catch {
    return undefined;
  }
}

/** Milliseconds between two checks of the metadata, because there may be thousands of requests. */
const lookIntervalMs = 1_000;

/**
 * Returns the withdrawn keys for each request. If a newly withdrawn key signed cached tokens, one event reports their
 * number: so many additional mints may follow. Each token is minted again when it is next requested, so the most used
 * ones come first.
 */
export function watchWithdrawals(
  look: (nowMs: number) => WithdrawnKeys,
  cache: Pick<TokenCache, "count">,
  record: (event: IssuingEvent) => void,
): (nowMs: number) => WithdrawnKeys {
  let known: WithdrawnKeys = new Map();
  let lookedMs = Number.NEGATIVE_INFINITY;
  return (nowMs) => {
    if (Math.abs(nowMs - lookedMs) < lookIntervalMs) return known;
    lookedMs = nowMs;
    const found = look(nowMs);
    const added = new Map([...found].filter(([kid]) => !known.has(kid)));
    known = found;
    const cachedTokens = added.size > 0 ? cache.count((token) => isOfWithdrawnKey(token, added)) : 0;
    if (cachedTokens > 0) record({ event: "signing_key_withdrawn", kids: [...added.keys()], cachedTokens });
    return known;
  };
}
