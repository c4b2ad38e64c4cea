import type { Guid } from "../shared/guid.ts";
import type { Finding } from "./findings.ts";

/**
 * What operators have noted about findings. The app can only read it, so an attacker with the app's identities cannot
 * acknowledge their own theft. Each use is reported.
 */
export interface AuditNotes {
  acknowledgements: readonly Acknowledgement[];
  announcements: readonly Announcement[];
}

/** Somebody has explained the finding. It is not reported again unless its number of rows grows. */
export interface Acknowledgement {
  /** Of the finding. */
  id: string;
  /** How many rows it stood for. */
  count: number;
  by: string;
  /** RFC 3339. */
  at: string;
  reason: string;
}

/** Planned work with a key, such as a new certificate, which its operator's own identity signs. */
export interface Announcement {
  operatorObjectId: Guid;
  keyName: string;
  /** RFC 3339; at most an hour apart. */
  from: string;
  to: string;
  by: string;
  at: string;
  reason: string;
}

export interface AuditNotesDocument extends AuditNotes {
  version: 1;
}

export const noNotes: AuditNotes = { acknowledgements: [], announcements: [] };

/** A limit: a longer list could be used to disable an alarm. */
export const longestAnnouncementMs = 3_600_000;

export interface NoteOnFinding {
  how: "acknowledged" | "announced";
  notedBy: string;
  /** Its reason. */
  note: string;
}

/** The note that closes a finding; undefined if there is none. */
export function noteOn(finding: Finding, { acknowledgements, announcements }: AuditNotes): NoteOnFinding | undefined {
  const { id, count = 1 } = finding;
  const acknowledged = acknowledgements.find((each) => each.id === id && count <= each.count);
  const found = acknowledged ?? announcements.find((each) => isAnnounced(finding, each));
  return found && { how: acknowledged ? "acknowledged" : "announced", notedBy: found.by, note: found.reason };
}

/**
 * Only signatures of that operator with that key, at that time: not those of our own identity, and no refused attempts.
 */
function isAnnounced(finding: Finding, { operatorObjectId, keyName, from, to }: Announcement): boolean {
  const { kind, severity, callerObjectId, timeMs } = finding;
  if (kind !== "foreign_identity" || severity !== 0) return false;
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const isInTime = toMs - fromMs <= longestAnnouncementMs && timeMs >= fromMs && timeMs < toMs;
  const isSameKey = finding.keyName?.toLowerCase() === keyName.toLowerCase();
  return isInTime && isSameKey && callerObjectId?.toLowerCase() === operatorObjectId.toLowerCase();
}
