/**
 * The stored state of a client's certificates: which of them signs, and the results of their canaries. The policy lists
 * the certificates; only Keyhold writes this state.
 */
export interface CertificateRecord {
  x5tS256: string;
  /** `staged`: waits for a canary. `active`: signs. `retiring`: signed before, and is a possible fallback. */
  state: "staged" | "active" | "retiring";
  /** When it got this state, milliseconds since 1970. */
  sinceMs: number;
  canary?: CanaryRecord;
  /** Entra refused it in production while it was active. */
  refusedAtMs?: number;
  /** The vault answered that the key version is disabled, and has not signed with it since. */
  disabledAtMs?: number;
  /** Its event that it may be removed was sent. */
  isRetiredTold?: boolean;
}

export interface CanaryRecord {
  atMs: number;
  ok: boolean;
  /** If it failed: the fault's code or the refusal's reason, and AADSTS numbers. */
  reason?: string;
  codes?: readonly number[];
}

/** One record per certificate in the policy; empty for a client that was never checked. */
export type CredentialState = readonly CertificateRecord[];
