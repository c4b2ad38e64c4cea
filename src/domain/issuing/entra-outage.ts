/**
 * Distinguishes an outage of Entra as a whole from failures of single tenants. A 5xx for two tenants within 5 s counts
 * as an outage. The owner of a tenant can cause its failures, so the owner of two tenants must not delay everybody
 * else.
 */
export interface EntraOutage {
  /** Counts a tenant's 5xx. Returns whether Entra as a whole is down. */
  failedFor(tenant: string, isDown: boolean, nowMs: number): boolean;
  /**
   * Entra has answered for this tenant, so it is not down. Failures of the tenants that suggested an outage are ignored
   * for 10 min.
   */
  answered(tenant: string, nowMs: number): void;
  /** Whether this tenant is one of those whose failures suggest the current outage. Other tenants are probed first. */
  isSuspect(tenant: string): boolean;
  /** Whether more than two tenants have failed. Only then may probes back off. */
  isConfirmed(): boolean;
}

const sameOutageMs = 5_000;
const distrustMs = 600_000;
const suspectsOfNoProof = 2;

/** Holds at most one entry for each tenant of the policy. */
export function createEntraOutage(): EntraOutage {
  let last: { tenant: string; atMs: number } | undefined;
  const suspects = new Set<string>();
  /** By tenant: when its failure turned out not to be an outage. */
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
      // The earlier tenant may have been refuted after its failure was noted.
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
