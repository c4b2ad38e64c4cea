import * as z from "zod";
import { type AuditNotes, type AuditNotesDocument, noNotes } from "../../domain/audit/notes.ts";
import type { PolicyProblem } from "../../domain/policy/problem.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { isAbsent, type ReadText } from "./place.ts";
import { parseDocument } from "./shape.ts";

/** The shape of the notes on findings beside the policy. Only `keyhold findings` and `keyhold rotation` write it. */
const time = z.iso.datetime({ offset: true, error: "must be an RFC 3339 time" });
const written = { by: z.string().max(200), at: time, reason: z.string().min(1).max(500) };
const acknowledgement = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/, "must be the id of a finding"),
  count: z.int().positive(),
  ...written,
});
const announcement = z.strictObject({
  operatorObjectId: z
    .custom<string>((id) => parseGuid(id) !== undefined, "must be a GUID")
    .transform((id) => id.toLowerCase() as Guid),
  keyName: z.string().regex(/^[0-9a-zA-Z-]{1,127}$/, "must be the name of a key"),
  ...{ from: time, to: time },
  ...written,
});
const notes = z.strictObject({
  version: z.literal(1),
  acknowledgements: z.array(acknowledgement),
  announcements: z.array(announcement),
});

/** Checks the shape; reports all problems at once, by path. */
export function parseNotes(text: string): AuditNotesDocument | PolicyProblem[] {
  return parseDocument(text, notes);
}

/** The document as it is written, indented, so that people can read it. */
export function notesText(document: AuditNotesDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Reads the operators' notes; empty if there is no document. Throws if it cannot be read. */
export function createNotesSource(readText: ReadText): () => Promise<AuditNotes> {
  return async () => {
    try {
      const parsed = parseNotes((await readText(undefined))?.text ?? "");
      if (Array.isArray(parsed)) throw new TypeError("the notes on findings are not valid");
      return parsed;
    } catch (error) {
      if (isAbsent(error)) return noNotes;
      throw error;
    }
  };
}
