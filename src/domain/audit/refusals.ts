import { createFinding, type Finding } from "./findings.ts";
import { isSign } from "./rows.ts";
import type { Refusals, VaultLogRow } from "./vault-log.ts";

/**
 * What the vault refused in a window. Nothing was signed, and a refused request can be repeated ten thousand times. So
 * refusals of one identity for one reason are one finding, and those of our own signatures are compared by their
 * number.
 */

/** `intents`: how many rows of the ledger may each explain one refusal, those that may not have been signed. */
export function judgeRefusals(
  refusals: readonly Refusals[],
  isOurs: (row: VaultLogRow) => boolean,
  intents: number,
  windowFromMs: number,
): Finding[] {
  const findings: Finding[] = [];
  let explained = intents;
  // The largest group is the likeliest to be ours: throttling during an outage.
  for (const { count, ...row } of refusals.toSorted((a, b) => b.count - a.count)) {
    const cause = JSON.stringify([windowFromMs, row.callerObjectId, row.operation, row.httpStatus]);
    const report = (kind: Finding["kind"], severity: Finding["severity"], reported = count) =>
      findings.push(createFinding(kind, severity, cause, { ...row, count: reported }));
    if (!isOurs(row)) {
      if (isSign(row)) report("foreign_identity", 2);
    } else if (!isSign(row)) {
      report("foreign_operation", 1);
    } else {
      if (count > explained) report("unaccounted_refusal", 2, count - explained);
      explained = Math.max(0, explained - count);
    }
  }
  return findings;
}
