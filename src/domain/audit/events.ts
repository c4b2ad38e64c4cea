import type { Finding, FindingKind } from "./findings.ts";
import type { Band, SignRateVerdict } from "./sign-rate.ts";

/** Of the comparison of the ledger with the vault's own log, and of the sign rate with its baseline. */
export type AuditEvent =
  | ({ event: "sign_audit_finding" } & FindingFacts)
  | ({ event: "sign_audit_resolved" } & FindingFacts)
  | ({ event: "sign_rate_judged" } & RateFacts)
  | ({ event: "sign_rate_abnormal" } & RateFacts)
  | { event: "sign_audit_finished"; windows: number; lagSeconds: number; expiredRows: number }
  /** `frames` of an unexpected error: `function file:line:column`, the innermost first. */
  | { event: "sign_audit_failed"; because: string; frames?: readonly string[] };

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
