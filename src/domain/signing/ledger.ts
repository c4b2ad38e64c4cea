import type { FaultCode } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";

/**
 * What a signature is for: a caller's token or assertion, a document that we publish ourselves, or the proof that Entra
 * accepts a staged certificate (`canary`).
 */
export const signPurposes = ["token", "assertion", "publication", "canary"] as const;
export type SignPurpose = (typeof signPurposes)[number];

/** Written before the vault is asked (invariant I4): a signature without an intent was not made by Keyhold. */
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
  /** Only for publications: whose metadata. */
  metadataSource?: string;
  /** Key name and version; never the key's URL (I6). Absent where no key signs. */
  keyName?: string;
  keyVersion?: string;
  /** The managed identity whose own token is the assertion: no signature of the vault, and none to be accounted for. */
  identityClientId?: Guid;
  /** Which process of ours. */
  instance: string;
}

/**
 * Written after. An intent that stays without outcome (a crash) covers at most one signature in its time window.
 * - `issued`: Entra gave a token. `handed_out`: the assertion was given to its caller. `published`: in a document.
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

/** A row as it is read back. Without outcome it is open: not known yet, or never. */
export interface LedgerEntry {
  intent: SignIntent;
  outcome?: SignOutcome;
}
