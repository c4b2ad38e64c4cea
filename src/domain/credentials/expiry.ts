import type { SigningCertificate } from "../signing/certificate.ts";
import type { CertificateRecord } from "./credential-state.ts";

/** Days before expiry at which an alarm is raised, with its severity. 0: it has expired. */
const thresholds = [
  { days: 30, severity: 3 },
  { days: 14, severity: 2 },
  { days: 7, severity: 1 },
  { days: 1, severity: 0 },
  { days: 0, severity: 0 },
] as const;

export interface ExpiryWarning {
  /** Whole days that are left, rounded down; negative once it is over. */
  daysLeft: number;
  threshold: (typeof thresholds)[number]["days"];
  severity: (typeof thresholds)[number]["severity"];
}

const dayMs = 86_400_000;

/**
 * The warning that is due and was not reported yet, one per threshold. A stored threshold that is not reached yet is
 * ignored, so that a forged record cannot suppress a warning.
 */
export function expiryWarning(
  { notAfterMs }: SigningCertificate,
  { warnedDays = Number.POSITIVE_INFINITY }: Pick<CertificateRecord, "warnedDays">,
  nowMs: number,
): ExpiryWarning | undefined {
  const leftMs = notAfterMs - nowMs;
  const reached = thresholds.findLast(({ days }) => leftMs <= days * dayMs);
  if (reached === undefined || reached.days === warnedDays) return undefined;
  return { daysLeft: Math.floor(leftMs / dayMs), threshold: reached.days, severity: reached.severity };
}
