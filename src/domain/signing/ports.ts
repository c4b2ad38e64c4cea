import type { Guid } from "../shared/guid.ts";
import type { SignIntent, SignOutcome } from "./ledger.ts";

/** RFC 7518 §3.1. PS256 for assertions, RS256 where XML signatures know no other. */
export type SignatureAlgorithm = "PS256" | "RS256";

/** Asks the vault for a signature. */
export interface VaultSigner {
  /**
   * One request to the vault, no retry: a second signature needs a second intent. `keyId` is the versioned key URL.
   * Throws a `Fault` with one of the codes signer_*; `maybeSigned` is set where the vault's answer is not known.
   */
  sign(input: {
    keyId: string;
    algorithm: SignatureAlgorithm;
    /** SHA-256: all that the vault ever sees. */
    digest: Uint8Array;
    signal: AbortSignal;
  }): Promise<VaultSignature>;
}

export interface VaultSignature {
  signature: Uint8Array;
  /** The `kid` of the vault's answer: the versioned key URL that really signed. */
  keyId: string;
  /** The vault's `x-ms-request-id`, which its audit log shows as CorrelationId. */
  requestId: string;
}

export interface AccountablePorts {
  signer: VaultSigner;
  ledger: Ledger;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** The id of a new row of that time, which no other row has: ledger-id.ts. */
  newLedgerId: (nowMs: number) => Guid;
}

/** The write-ahead ledger of all signatures. */
export interface Ledger {
  /** Resolves when the intent is stored. Throws `ledger_unavailable`: then nothing may be signed. */
  recordIntent(intent: SignIntent): Promise<void>;
  /**
   * Does not wait, so that no caller does: stored in the background, with retries. Where that fails for good the
   * intent stays open, which reconciliation sees.
   */
  recordOutcome(id: Guid, outcome: SignOutcome): void;
}
