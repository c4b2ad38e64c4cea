import * as z from "zod";
import type { PolicyProblem } from "../../domain/policy/problem.ts";
import { type Suspension, type SuspensionsDocument, suspendedKinds } from "../../domain/policy/suspensions.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { parseDocument } from "./shape.ts";
import { withoutMark } from "./text.ts";

/** The shape of the suspensions beside the policy. Only `keyhold tenant|caller|client suspend|resume` writes it. */
const suspension = z.strictObject({
  kind: z.enum(suspendedKinds),
  id: z
    .custom<string>((id) => parseGuid(id) !== undefined, "must be a GUID")
    .transform((id) => id.toLowerCase() as Guid),
  by: z.string().max(200),
  at: z.iso.datetime({ offset: true, error: "must be an RFC 3339 time" }),
  reason: z.string().max(500).optional(),
});
const suspensions = z.strictObject({ version: z.literal(1), suspensions: z.array(suspension) });

/** Checks the shape; reports all problems at once, by path. */
export function parseSuspensions(text: string): SuspensionsDocument | PolicyProblem[] {
  return parseDocument(text, suspensions);
}

/** The readable entries of an invalid document; none if it is not JSON. */
export function salvageSuspensions(text: string): Suspension[] {
  const loose = z.object({ suspensions: z.array(z.unknown()) }).safeParse(jsonOf(text));
  return (loose.data?.suspensions ?? []).flatMap((entry) => suspension.safeParse(entry).data ?? []);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(withoutMark(text));
  } catch {
    return undefined;
  }
}

/** The document as it is written, indented: people read in it who suspended what and why. */
export function suspensionsText(document: SuspensionsDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
