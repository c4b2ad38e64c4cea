import type { SigningCertificate } from "../signing/certificate.ts";

/** Days before expiry at which an alarm is raised, with its severity. 0: it has expired. */
const thresholds = [
  { days: 30, severity: 3 },
  { days: 14, severity: 2 },
  { days: 7, severity: 1 },
  { days: 1, severity: 0 },
  { days: 0, severity: 0 },
] as const;

export interface ExpiryWarning {
  /** Whole days left, rounded down; negative after expiry. */
  daysLeft: number;
  threshold: (typeof thresholds)[number]["days"];
  severity: (typeof thresholds)[number]["severity"];
}

const dayMs = 86_400_000;

/**
 * The warning that is due now. It is computed without stored state, so nothing can suppress it, and it repeats, so a
 * lost event does not matter.
 */
export function expiryWarning({ notAfterMs }: SigningCertificate, nowMs: number): ExpiryWarning | undefined {
  const leftMs = notAfterMs - nowMs;
  const reached = thresholds.findLast(({ days }) => leftMs <= days * dayMs);
  if (reached === undefined) return undefined;
  return { daysLeft: Math.floor(leftMs / dayMs), threshold: reached.days, severity: reached.severity };
}
