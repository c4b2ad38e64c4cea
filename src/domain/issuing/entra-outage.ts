/**
 * Distinguishes an outage of Entra as a whole from failures of single tenants: 5xx for two of them within 5 s. The
 * owner of a tenant may cause its failures, so the owner of two must not delay everybody else.
 */
export interface EntraOutage {
  /** Counts a tenant's 5xx. Returns whether Entra as a whole is down. */
  failedFor(tenant: string, isDown: boolean, nowMs: number): boolean;
  /** Entra has answered for this tenant: the tenants that caused the outage were wrong, and are ignored for 10 min. */
  answered(tenant: string, nowMs: number): void;
  /** Whether this tenant is one of those that caused the present outage: others are probed first. */
  isSuspect(tenant: string): boolean;
  /** Whether more than two tenants have failed, so that probes may become rarer. */
  isConfirmed(): boolean;
}

const sameOutageMs = 5_000;
const distrustMs = 600_000;
const suspectsOfNoProof = 2;

/** Entries are as many as the policy's tenants at most. */
export function createEntraOutage(): EntraOutage {
  let last: { tenant: string; atMs: number } | undefined;
  const suspects = new Set<string>();
  /** By tenant, when its failure was found not to be an outage. */
  const refutedMs = new Map<string, number>();
  const isRefuted = (tenant: string, nowMs: number) => {
    const sinceMs = refutedMs.get(tenant);
    return sinceMs !== undefined && nowMs - sinceMs < distrustMs;
  };
  return {
    failedFor(tenant, isDown, nowMs) {
      if (!isDown) suspects.clear();
      if (isRefuted(tenant, nowMs)) return isDown;
      const before = last;
      last = { tenant, atMs: nowMs };
      if (isDown) suspects.add(tenant);
      if (isDown || before === undefined || before.tenant === tenant) return isDown;
      // Its failure may have come shortly before it was refuted.
      if (nowMs - before.atMs > sameOutageMs || isRefuted(before.tenant, nowMs)) return isDown;
      suspects.add(before.tenant).add(tenant);
      return true;
    },
    answered(tenant, nowMs) {
      for (const suspect of suspects) if (suspect !== tenant) refutedMs.set(suspect, nowMs);
      suspects.clear();
    },
    isSuspect: (tenant) => suspects.has(tenant),
    isConfirmed: () => suspects.size > suspectsOfNoProof,
  };
}
