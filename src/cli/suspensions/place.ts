import { parseSuspensions, salvageSuspensions, suspensionsText } from "../../adapters/policy/suspensions-schema.ts";
import type { SuspensionsDocument } from "../../domain/policy/suspensions.ts";
import { CommandProblem } from "../command-problem.ts";
import { changeBeside, readBeside } from "../policy/beside-policy.ts";
import { describeProblems } from "../policy/load-policy.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { printable } from "../printable.ts";

const what = "The suspensions";

/**
 * The suspensions beside the policy; none if there is no document.
 * @throws CommandProblem if it cannot be read or is not valid
 */
export async function loadSuspensions(place: PolicyPlace): Promise<SuspensionsDocument> {
  return documentOf((await readBeside(place, what))?.text, place);
}

/**
 * Changes the document, and retries if somebody else wrote in between, so that both changes are kept. `change` returns
 * undefined if there is nothing to do. Returns whether the document was written. With `salvages`, the readable entries
 * of an invalid document are kept.
 * @throws CommandProblem if it cannot be read or written, or is not valid
 */
export function changeSuspensions(
  place: PolicyPlace,
  change: (document: SuspensionsDocument) => SuspensionsDocument | undefined,
  salvages?: boolean,
): Promise<boolean> {
  return changeBeside(place, what, (text) => {
    const after = change(documentOf(text, place, salvages));
    return after && suspensionsText(after);
  });
}

function documentOf(text: string | undefined, place: PolicyPlace, salvages?: boolean): SuspensionsDocument {
  if (text === undefined) return { version: 1, suspensions: [] };
  const document = parseSuspensions(text);
  if (!Array.isArray(document)) return document;
  if (salvages) return { version: 1, suspensions: salvageSuspensions(text) };
  throw new CommandProblem("wrong", "The suspensions are not valid, so Keyhold keeps the ones it read before", {
    where: printable(place.name),
    remedy:
      "restore the previous version, or add --replace-malformed to keep only the entries that can be read; " +
      "after an hour nothing is issued",
    details: describeProblems(document),
  });
}
