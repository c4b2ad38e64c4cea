/**
 * What is known about the certificates of a client, as it is stored: which of them signs, and the results of their
 * canaries. The policy lists a client's certificates; this state is written by Keyhold alone.
 */
export interface CertificateRecord {
  x5tS256: string;
  /** `staged`: waits for a canary. `active`: signs. `retiring`: signed before, and may be fallen back to. */
  state: "staged" | "active" | "retiring";
  /** In this state, milliseconds since 1970. */
  sinceMs: number;
  canary?: CanaryRecord;
  /** Entra refused it in production while it was active. */
  refusedAtMs?: number;
  /** The vault said that the key version is disabled, and has not signed with it since. */
  disabledAtMs?: number;
  /** It was reported that it may be removed. */
  isRetiredTold?: boolean;
}

export interface CanaryRecord {
  atMs: number;
  ok: boolean;
  /** Of a failed one: code of the fault or reason of the refusal, and AADSTS numbers. */
  reason?: string;
  codes?: readonly number[];
}

/** One record per certificate in the policy; none yet for a client that was never looked at. */
export type CredentialState = readonly CertificateRecord[];
