import type { Guid } from "../shared/guid.ts";
import type { CertificateRecord } from "./credential-state.ts";
import type { CertificateFacts } from "./describe-certificate.ts";
import type { DriftFinding } from "./drift.ts";
import type { ExpiryWarning } from "./expiry.ts";

/** Events of the clients' certificates, and of other credentials that Entra accepts for them. */
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
  /** For the refused certificate; `to` is the thumbprint of the accepted one. */
  | ({ event: "credential_fallback"; clientId: Guid; to: string; codes: readonly number[] } & CertificateFacts)
  | ({ event: "credential_expiring"; clientId?: Guid } & ExpiryWarning & CertificateFacts)
  | ({ event: "credential_drift"; clientId: Guid; client: string } & DriftFinding)
  | { event: "credentials_checked"; clients: number; canaries: number; durationMs: number }
  /** `frames` of an unexpected error: `function file:line:column`, the innermost first. */
  | { event: "credentials_check_failed"; clientId?: Guid; because: string; frames?: readonly string[] };
