import type { Finding, FindingKind } from "./findings.ts";
import type { NoteOnFinding } from "./notes.ts";
import type { CoveredSignature } from "./reconcile.ts";
import type { Band, SignRateVerdict } from "./sign-rate.ts";

/** Events of the audit: the ledger against the vault's own log, and the sign rate against its baseline. */
export type AuditEvent =
  /** Reported in every run while the finding is open; `isNew` in the first. */
  | ({ event: "sign_audit_finding"; isNew: boolean } & FindingFacts)
  | ({ event: "sign_audit_resolved" } & FindingFacts)
  /** An operator has explained the finding: it was acknowledged, or announced as planned work. */
  | ({ event: "sign_audit_noted" } & NoteOnFinding & FindingFacts)
  | ({ event: "sign_audit_covered" } & CoveredFacts)
  | ({ event: "sign_rate_judged" } & RateFacts)
  | ({ event: "sign_rate_abnormal" } & RateFacts)
  /** `covered`: signatures of the windows that only an open intent accounts for; the first hundred have an event each. `open`: findings. */
  | {
      event: "sign_audit_finished";
      windows: number;
      covered: number;
      open: number;
      lagSeconds: number;
      expiredRows: number;
    }
  /** `frames` of an unexpected error: `function file:line:column`, the innermost first. */
  | { event: "sign_audit_failed"; because: string; frames?: readonly string[] };

interface FindingFacts extends Omit<Finding, "kind" | "candidates"> {
  finding: FindingKind;
  candidates?: number;
}

/** A signature that only an open intent accounts for: `ledgerId`. It may be that intent's, or somebody else's. */
interface CoveredFacts extends Pick<CoveredSignature, "ledgerId" | "coveredBy"> {
  timeMs: number;
  requestId: string;
  keyName?: string;
  keyVersion?: string;
  callerAddress?: string;
  clientInfo?: string;
}

interface RateFacts extends Pick<Band, "low" | "high" | "median" | "basis"> {
  keyName: string;
  windowFromMs: number;
  signs: number;
  verdict: SignRateVerdict;
}
