import { notesText, parseNotes } from "../../adapters/policy/notes.ts";
import type { AuditNotesDocument } from "../../domain/audit/notes.ts";
import { openForMs } from "../../domain/audit/open-findings.ts";
import { CommandProblem } from "../command-problem.ts";
import { changeBeside, readBeside } from "../policy/beside-policy.ts";
import { describeProblems } from "../policy/load-policy.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { printable } from "../printable.ts";

const what = "The notes on findings";

/**
 * Reads the operators' notes on findings, beside the policy.
 * @throws CommandProblem if it cannot be read or is not valid
 */
export async function loadNotes(place: PolicyPlace): Promise<AuditNotesDocument> {
  return documentOf((await readBeside(place, what))?.text, place);
}

/**
 * Changes the notes, and retries if somebody else wrote in between, so that both changes are kept. Notes that are too
 * old for the audit are dropped.
 * @throws CommandProblem if they cannot be read or written, or are not valid
 */
export async function changeNotes(
  place: PolicyPlace,
  nowMs: number,
  change: (document: AuditNotesDocument) => AuditNotesDocument,
): Promise<void> {
  await changeBeside(place, what, (text) => notesText(withoutOld(change(documentOf(text, place)), nowMs)));
}

function documentOf(text: string | undefined, place: PolicyPlace): AuditNotesDocument {
  if (text === undefined) return { version: 1, acknowledgements: [], announcements: [] };
  const document = parseNotes(text);
  if (!Array.isArray(document)) return document;
  throw new CommandProblem("wrong", `${what} are not valid, so every finding is reported as open`, {
    where: printable(place.name),
    remedy: "restore the previous version",
    details: describeProblems(document),
  });
}

function withoutOld({ acknowledgements, announcements }: AuditNotesDocument, nowMs: number): AuditNotesDocument {
  const isKept = ({ at }: { at: string }) => Date.parse(at) > nowMs - 2 * openForMs;
  return { version: 1, acknowledgements: acknowledgements.filter(isKept), announcements: announcements.filter(isKept) };
}
