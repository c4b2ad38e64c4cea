import { createPublicKey, type KeyObject } from "node:crypto";
import { type Cloud, issuerOf, jwksUriOf } from "../domain/cloud.ts";
import type { RecordEvent } from "../domain/events.ts";
import { Fault } from "../domain/fault.ts";
import type { Guid } from "../domain/guid.ts";
import { errorClass } from "./error-class.ts";

/** Where the keys come from that callers' tokens are verified with. */
export interface SigningKeySource {
  /** Undefined: there is no such key, though we looked. Throws `caller_keys_unavailable` where there are none at all. */
  find(kid: string, nowMs: number): Promise<KeyObject | undefined>;
  /** Whether there are keys to verify with; fetches them where there are none yet. For the readiness probe. */
  isReady(nowMs: number): Promise<boolean>;
}

/** As Entra advises (Microsoft identity platform, "Signing key rollover"): hourly, and for an unknown key rarely. */
const refreshMs = 3_600_000;
const unknownKidMs = 300_000;
const retryMs = 5_000;
/** A key that could not be confirmed for so long is not trusted: it may have been withdrawn. */
const maxAgeMs = 86_400_000;
const timeoutMs = 5_000;
const maxBytes = 1_048_576;
const minModulusBits = 2048;

/** The home tenant's keys, from Entra's own endpoint over TLS. Old keys stay in use while Entra does not answer. */
export function createEntraSigningKeys(cloud: Cloud, tenantId: Guid, record: RecordEvent): SigningKeySource {
  let keys = new Map<string, KeyObject>();
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;
  const ageMs = (nowMs: number) => nowMs - fetchedAtMs;

  async function refresh(nowMs: number): Promise<void> {
    triedAtMs = nowMs;
    try {
      keys = await fetchKeys(cloud, tenantId);
      fetchedAtMs = nowMs;
      record({ event: "caller_keys_refreshed", kids: [...keys.keys()] });
    } catch (error) {
      record({ event: "caller_keys_not_refreshed", because: errorClass(error) });
    }
  }

  function refreshOnce(nowMs: number): Promise<void> {
    fetching ??= refresh(nowMs).finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  /** Fetches where there is nothing to verify with, and waits; renews behind the scenes where there is. */
  async function isReady(nowMs: number): Promise<boolean> {
    const mayTry = fetching !== undefined || nowMs - triedAtMs >= retryMs;
    if (ageMs(nowMs) >= maxAgeMs && mayTry) await refreshOnce(nowMs);
    else if (ageMs(nowMs) >= refreshMs && mayTry) void refreshOnce(nowMs);
    return ageMs(nowMs) < maxAgeMs;
  }

  return {
    isReady,
    async find(kid, nowMs) {
      const isUsable = await isReady(nowMs);
      // An unknown kid costs nothing to send, so it may make us ask Entra only now and then.
      if (isUsable && !keys.has(kid) && (fetching || nowMs - triedAtMs >= unknownKidMs)) await refreshOnce(nowMs);
      if (!isUsable) throw new Fault("caller_keys_unavailable");
      return keys.get(kid);
    },
  };
}

async function fetchKeys(cloud: Cloud, tenantId: Guid): Promise<Map<string, KeyObject>> {
  const response = await fetch(jwksUriOf(cloud, tenantId), {
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
    headers: { accept: "application/json" },
  });
  if (response.status !== 200) throw new RangeError("status is not 200");
  const text = await response.text();
  if (text.length > maxBytes) throw new RangeError("the key set is too large");
  const keys = new Map<string, KeyObject>();
  for (const jwk of (JSON.parse(text) as { keys: Record<string, unknown>[] }).keys) {
    if (typeof jwk.kid !== "string" || jwk.kty !== "RSA" || (jwk.use !== undefined && jwk.use !== "sig")) continue;
    // A key of another issuer in a shared key set would let that issuer's tokens in.
    if (jwk.issuer !== undefined && jwk.issuer !== issuerOf(cloud, tenantId)) continue;
    const key = createPublicKey({ key: jwk, format: "jwk" });
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) >= minModulusBits) keys.set(jwk.kid, key);
  }
  if (keys.size === 0) throw new RangeError("the key set has no key to verify with");
  return keys;
}
