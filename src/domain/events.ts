import type { Finding, FindingKind } from "./audit/findings.ts";
import type { Band, SignRateVerdict } from "./audit/sign-rate.ts";
import type { CertificateRecord } from "./credentials/credential-state.ts";
import type { CertificateFacts } from "./credentials/describe-certificate.ts";
import type { DriftFinding } from "./credentials/drift.ts";
import type { ExpiryWarning } from "./credentials/expiry.ts";
import type { Refusal } from "./issuing/refusal.ts";
import type { Continuity } from "./metadata/continuity.ts";
import type { MetadataRefusal } from "./metadata/refusal.ts";
import type { FaultCode } from "./shared/fault.ts";
import type { Guid } from "./shared/guid.ts";

/**
 * What happened, for operators. A closed list of names and fields: what is not here cannot be logged, so no token,
 * assertion or key URL can be either (T5, invariant I6).
 */
export type KeyholdEvent =
  | {
      event: "request_answered";
      operation: "token" | "assertion";
      correlationId: string;
      outcome: "issued" | "refused" | "fault";
      tenantId?: Guid;
      clientId?: Guid;
      scope?: string;
      callerObjectId?: Guid;
      callerName?: string;
      cached?: boolean;
      /** Full detail of the refusal, which the caller does not get. */
      refusal?: Refusal;
      fault?: FaultReport;
      durationMs: number;
    }
  | {
      event: "token_renewal_failed";
      tenantId: Guid;
      clientId: Guid;
      scope: string;
      reason: string;
      codes?: readonly number[];
    }
  | { event: "policy_applied"; etag: string; grants: number }
  | { event: "policy_rejected"; etag: string; problems: readonly { path: string; rule: string }[] }
  | { event: "policy_not_readable"; ageSeconds: number | undefined; because: string }
  | { event: "ledger_outcome_lost"; ledgerId: Guid; outcome: string; because: string }
  | MetadataEvent
  | SignAuditEvent
  | CredentialEvent;

/** Of the certificates that clients sign with, and of what else Entra would let in as them. */
export type CredentialEvent =
  | ({ event: "credential_promoted"; clientId: Guid } & CertificateFacts)
  | ({ event: "credential_retired"; clientId: Guid } & CertificateFacts)
  | ({ event: "credential_disabled"; clientId: Guid } & CertificateFacts)
  | ({ event: "credential_enabled"; clientId: Guid } & CertificateFacts)
  | ({
      event: "credential_canary_failed";
      clientId: Guid;
      state: CertificateRecord["state"];
      reason: string;
      codes?: readonly number[];
    } & CertificateFacts)
  /** The certificate that was refused; `to` is the thumbprint of the one that was accepted. */
  | ({ event: "credential_fallback"; clientId: Guid; to: string; codes: readonly number[] } & CertificateFacts)
  | ({ event: "credential_expiring"; clientId?: Guid } & ExpiryWarning & CertificateFacts)
  | ({ event: "credential_drift"; clientId: Guid; client: string } & DriftFinding)
  | { event: "credentials_checked"; clients: number; canaries: number; durationMs: number }
  | { event: "credentials_check_failed"; clientId?: Guid; because: string };

/** Of the comparison of the ledger with the vault's own log, and of the sign rate with its baseline. */
export type SignAuditEvent =
  | ({ event: "sign_audit_finding" } & FindingFacts)
  | ({ event: "sign_audit_resolved" } & FindingFacts)
  | ({ event: "sign_rate_judged" } & RateFacts)
  | ({ event: "sign_rate_abnormal" } & RateFacts)
  | { event: "sign_audit_finished"; windows: number; lagSeconds: number; expiredRows: number }
  | { event: "sign_audit_failed"; because: string };

interface FindingFacts extends Omit<Finding, "kind" | "candidates"> {
  finding: FindingKind;
  candidates?: number;
}

interface RateFacts extends Pick<Band, "low" | "high" | "median" | "basis"> {
  keyName: string;
  windowFromMs: number;
  signs: number;
  verdict: SignRateVerdict;
}

/** `source` is the name of a metadata source (metadata/source.ts); keys are named by `kid`. */
export type MetadataEvent =
  | {
      event: "metadata_promoted";
      source: string;
      document: MetadataDocument;
      continuity: Continuity;
      added: readonly string[];
      removed: readonly string[];
    }
  | { event: "metadata_refused"; source: string; document: MetadataDocument; refusal: MetadataRefusal }
  | {
      event: "metadata_discontinuous";
      source: string;
      document: MetadataDocument;
      action: "accepted" | "held";
      added: readonly string[];
      removed: readonly string[];
    }
  | {
      event: "metadata_keys_replaced";
      source: string;
      document: MetadataDocument;
      added: readonly string[];
      removed: readonly string[];
    }
  | { event: "metadata_keys_differ"; source: string; kids: readonly string[] }
  | { event: "metadata_stale"; source: string; ageSeconds: number | undefined }
  | { event: "metadata_store_unavailable"; source: string; operation: "read" | "write" }
  | { event: "metadata_not_republished"; source: string; code: string }
  | { event: "metadata_refresh_finished"; sources: number; durationMs: number };

export type MetadataDocument = "federation" | "discovery" | "jwks";

export interface FaultReport {
  /** `unexpected` for what is no `Fault`: a bug, of which only the error's class is told. */
  code: FaultCode | "unexpected";
  codes?: readonly number[];
  because?: string;
}

export type RecordEvent = (event: KeyholdEvent) => void;
