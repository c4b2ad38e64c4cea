import { LRUCache } from "lru-cache";
import { Fault, type FaultCode } from "../shared/fault.ts";
import { type Result, refuse } from "../shared/result.ts";
import type { TenantRefusal } from "./refusal.ts";

/**
 * Remembers for a while that a mint failed, so that a broken tenant, certificate or vault cannot burn signatures or
 * hold up requests (invariant I9, T13). Cleared whenever the policy changes: the change may be the repair.
 */
export interface FailureCache {
  /** The remembered refusal; throws the remembered fault, with the seconds that are left of it. */
  get(key: string, nowMs: number): Result<never, TenantRefusal> | undefined;
  rememberRefusal(key: string, refusal: TenantRefusal, nowMs: number): void;
  rememberFault(key: string, fault: Fault, nowMs: number): void;
  clear(): void;
}

/** Seconds. A tenant is repaired by a person there: minutes. Our credential is repaired by the policy, which clears. */
const refusalSeconds = 300;
/** Seconds. Whoever has just consented tries at once, and Entra's servers agree only after a while. */
const notConsentedSeconds = 30;
const credentialSeconds = 60;
/** Seconds, for what passes by itself and where the other side did not say how long. */
const transientSeconds = 5;
const maxWaitSeconds = 60;

const transientCodes: ReadonlySet<FaultCode> = new Set([
  "signer_throttled",
  "signer_unavailable",
  "token_endpoint_throttled",
  "token_endpoint_unavailable",
  "ledger_unavailable",
  "policy_unavailable",
  "caller_keys_unavailable",
  "identity_unavailable",
]);

/** How long a caller should wait after this fault, seconds: what `Retry-After` says. */
export function retryAfterSecondsOf(fault: Fault): number {
  const preset = transientCodes.has(fault.code) ? transientSeconds : credentialSeconds;
  return Math.min(Math.max(Math.ceil(fault.detail.retryAfterSeconds ?? preset), 1), maxWaitSeconds);
}

type Failure = { untilMs: number; refusal: TenantRefusal } | { untilMs: number; fault: Fault };

/** An empty cache of at most `maxEntries` failures; beyond that the one that was used least recently is forgotten. */
export function createFailureCache(maxEntries: number): FailureCache {
  const failures = new LRUCache<string, Failure>({ max: maxEntries });
  return {
    get(key, nowMs) {
      const failure = failures.get(key);
      if (!failure) return undefined;
      if (failure.untilMs <= nowMs) {
        failures.delete(key);
        return undefined;
      }
      if ("refusal" in failure) return refuse(failure.refusal);
      const retryAfterSeconds = Math.ceil((failure.untilMs - nowMs) / 1000);
      throw new Fault(failure.fault.code, { ...failure.fault.detail, retryAfterSeconds });
    },
    rememberRefusal(key, refusal, nowMs) {
      const seconds = refusal.reason === "tenant_not_consented" ? notConsentedSeconds : refusalSeconds;
      failures.set(key, { untilMs: nowMs + seconds * 1000, refusal });
    },
    rememberFault: (key, fault, nowMs) =>
      void failures.set(key, { untilMs: nowMs + retryAfterSecondsOf(fault) * 1000, fault }),
    clear: () => failures.clear(),
  };
}
