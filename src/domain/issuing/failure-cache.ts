import { LRUCache } from "lru-cache";
import type { Fault } from "../shared/fault.ts";
import { lazily } from "../shared/lazily.ts";
import { type Result, refuse } from "../shared/result.ts";
import type { TenantRefusal } from "./refusal.ts";

/**
 * Remembers for a while that a mint failed, so that a broken tenant or certificate does not waste signatures or delay
 * requests (invariant I9, T13). Failures of shared parts are remembered in part-health.ts. Cleared whenever the policy
 * changes, because the change may be the fix.
 */
export interface FailureCache {
  /** The remembered refusal; throws the remembered fault. */
  get(key: string, nowMs: number): Result<never, TenantRefusal> | undefined;
  rememberRefusal(key: string, refusal: TenantRefusal, nowMs: number): void;
  rememberFault(key: string, fault: Fault, nowMs: number): void;
  clear(): void;
}

/**
 * Seconds. A person must fix a tenant, which takes minutes. A problem with our own credential is fixed in the policy,
 * and a policy change clears this cache.
 */
const refusalSeconds = 300;
/** Seconds. Users retry right after a consent, but Entra's servers need a while to know about it. */
const notConsentedSeconds = 30;
const credentialSeconds = 60;
type Failure = { sinceMs: number; untilMs: number } & ({ refusal: TenantRefusal } | { fault: Fault });

/** An empty cache of at most `maxEntries` failures; beyond that the least recently used one is dropped. */
export function createFailureCache(maxEntries: number): FailureCache {
  const failures = lazily(() => new LRUCache<string, Failure>({ max: maxEntries }));
  return {
    get(key, nowMs) {
      const failure = failures().get(key);
      if (!failure) return undefined;
      // If the clock was set back, the failure would be remembered for too long.
      if (failure.untilMs <= nowMs || failure.sinceMs > nowMs) {
        failures().delete(key);
        return undefined;
      }
      if ("refusal" in failure) return refuse(failure.refusal);
      throw failure.fault;
    },
    rememberRefusal(key, refusal, nowMs) {
      const seconds = refusal.reason === "tenant_not_consented" ? notConsentedSeconds : refusalSeconds;
      failures().set(key, { sinceMs: nowMs, untilMs: nowMs + seconds * 1000, refusal });
    },
    rememberFault(key, fault, nowMs) {
      failures().set(key, { sinceMs: nowMs, untilMs: nowMs + credentialSeconds * 1000, fault });
    },
    clear: () => failures().clear(),
  };
}
