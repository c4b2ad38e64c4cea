import type { FaultCode } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";

/**
 * What a signature is for: a caller's token or assertion, a document that we publish ourselves, or the proof that Entra
 * accepts a staged certificate (`canary`).
 */
export const signPurposes = ["token", "assertion", "publication", "canary"] as const;
export type SignPurpose = (typeof signPurposes)[number];

/**
 * Written before the request to the vault (invariant I4): a signature without an intent was not requested by Keyhold.
 */
export interface SignIntent {
  id: Guid;
  /** Milliseconds since 1970. */
  timeMs: number;
  purpose: SignPurpose;
  /** The caller's object id in the home tenant, and its name in the policy; `keyhold` for our own publications. */
  callerObjectId?: Guid;
  callerName: string;
  clientId?: Guid;
  tenantId?: Guid;
  /** Only for tokens: an assertion is not bound to a scope. */
  scope?: string;
  /** Only for publications: the name of the metadata source. */
  metadataSource?: string;
  /** Key name and version; never the key's URL (I6). Absent if no key signs. */
  keyName?: string;
  keyVersion?: string;
  /** The managed identity whose own token is the assertion. Then there is no vault signature to account for. */
  identityClientId?: Guid;
  /** The instance that wrote it. */
  instance: string;
}

/**
 * Written after the signature. An intent that never gets an outcome (a crash) covers at most one signature in its time
 * window.
 * - `issued`: Entra issued a token. `handed_out`: the caller got the assertion. `published`: in a published document.
 * - `rejected`: signed, Entra rejected it. `exchange_failed`: signed, Entra did not answer.
 * - `not_signed`: the vault answered that it did not sign. `maybe_signed`: it did not answer, so it may have.
 */
export type SignOutcome =
  | {
      outcome: "issued";
      vaultRequestId?: string;
      entraRequestId?: string;
      tokenSha256: string;
      /** Seconds since 1970. */
      tokenExpiresAt: number;
    }
  | { outcome: "handed_out"; vaultRequestId: string; assertionSha256: string; assertionExpiresAt: number }
  | { outcome: "published"; vaultRequestId: string }
  | { outcome: "rejected"; vaultRequestId?: string; entraRequestId?: string; codes: readonly number[] }
  | { outcome: "exchange_failed"; vaultRequestId?: string; fault: FaultCode }
  | { outcome: "signature_discarded"; vaultRequestId: string; fault: FaultCode }
  | { outcome: "not_signed"; vaultRequestId?: string; fault: FaultCode }
  | { outcome: "maybe_signed"; vaultRequestId?: string; fault: FaultCode };

/** A row as read from the ledger. Without an outcome it is open: the outcome is not known yet, or was lost. */
export interface LedgerEntry {
  intent: SignIntent;
  outcome?: SignOutcome;
}
