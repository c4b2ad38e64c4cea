import type { Finding, OpenFinding } from "./findings.ts";
import { type AuditNotes, noNotes, noteOn } from "./notes.ts";
import type { SignAuditPorts } from "./ports.ts";

/** As long as the vault's log is kept by default: older findings can no longer be investigated. */
export const openForMs = 90 * 86_400_000;
/** The most that are reported in a run, the worst and oldest first; the others are counted. */
const reportedFindings = 100;

/** Without readable notes everything counts as open: a superfluous alarm is better than a missing one. */
export async function readNotes({ notes, record, framesOf }: SignAuditPorts): Promise<AuditNotes> {
  return notes().catch((error) => {
    record({ event: "sign_audit_failed", because: "notes_not_readable", frames: framesOf(error) });
    return noNotes;
  });
}

/**
 * Reports every open finding in every run, until a late row explains it or an operator notes what it is. So a lost
 * batch of telemetry loses no alarm. `reported` are ids that this run has reported as new. Returns how many are open.
 */
export async function reportOpenFindings(
  nowMs: number,
  notes: AuditNotes,
  reported: ReadonlySet<string>,
  { store, record }: SignAuditPorts,
): Promise<number> {
  const all = await store.openFindings(nowMs - openForMs);
  const open = all.filter(({ finding }) => !noteOn(finding, notes));
  for (const { finding } of open.toSorted(worstFirst).slice(0, reportedFindings)) {
    if (!reported.has(finding.id)) record({ event: "sign_audit_finding", isNew: false, ...describeFinding(finding) });
  }
  const news = all.flatMap((one) => {
    const note = one.isNoted ? undefined : noteOn(one.finding, notes);
    return note ? [{ ...one, note }] : [];
  });
  for (const { finding, note } of news) record({ event: "sign_audit_noted", ...note, ...describeFinding(finding) });
  if (news.length > 0) await store.markNoted(news);
  return open.length;
}

function worstFirst({ finding: a }: OpenFinding, { finding: b }: OpenFinding): number {
  return a.severity - b.severity || a.timeMs - b.timeMs;
}

/** As an event has it. */
export function describeFinding({ candidates, kind, ...finding }: Finding) {
  return { finding: kind, ...finding, ...(candidates ? { candidates: candidates.length } : {}) };
}
