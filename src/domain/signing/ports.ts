import type { Guid } from "../shared/guid.ts";
import type { SignIntent, SignOutcome } from "./ledger.ts";

/** RFC 7518 §3.1. PS256 for assertions, RS256 for XML signatures. */
export type SignatureAlgorithm = "PS256" | "RS256";

/** Asks the vault for a signature. */
export interface VaultSigner {
  /**
   * One request to the vault, no retry: a second signature needs a second intent. `keyId` is the versioned key URL.
   * Throws a `Fault` with a code `signer_*`; `maybeSigned` is set if the vault's answer is not known.
   */
  sign(input: {
    keyId: string;
    algorithm: SignatureAlgorithm;
    /** SHA-256 of the bytes to sign. The vault never sees anything else. */
    digest: Uint8Array;
    signal: AbortSignal;
  }): Promise<VaultSignature>;
}

export interface VaultSignature {
  signature: Uint8Array;
  /** The `kid` of the vault's answer: the versioned URL of the key that signed. */
  keyId: string;
  /** The vault's `x-ms-request-id`; CorrelationId in its audit log. */
  requestId: string;
}

export interface AccountablePorts {
  signer: VaultSigner;
  ledger: Ledger;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** A new unique row id that contains this time: ledger-id.ts. */
  newLedgerId: (nowMs: number) => Guid;
}

/** The write-ahead ledger of all signatures. */
export interface Ledger {
  /** Resolves when the intent is stored. Throws `ledger_unavailable`; nothing may be signed then. */
  recordIntent(intent: SignIntent): Promise<void>;
  /**
   * Stores the outcome in the background, with retries, so that no caller waits. If all retries fail, the intent stays
   * open, which reconciliation detects.
   */
  recordOutcome(id: Guid, outcome: SignOutcome): void;
}
