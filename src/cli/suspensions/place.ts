import { errorClass } from "../../adapters/azure/error.ts";
import { isAbsent } from "../../adapters/policy/place.ts";
import { parseSuspensions, salvageSuspensions, suspensionsText } from "../../adapters/policy/suspensions-schema.ts";
import type { SuspensionsDocument } from "../../domain/policy/suspensions.ts";
import { CommandProblem, isNotSignedIn, notSignedInProblem } from "../command-problem.ts";
import { describeProblems } from "../policy/load-policy.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { printable } from "../printable.ts";

interface LoadedSuspensions {
  document: SuspensionsDocument;
  /** Undefined: there is no document yet. */
  etag: string | undefined;
}

/**
 * The suspensions beside the policy. With `salvages`, the entries that can be read of a document that is not valid.
 * @throws CommandProblem where it cannot be read or is not valid.
 */
export async function loadSuspensions(place: PolicyPlace, salvages?: boolean): Promise<LoadedSuspensions> {
  const file = await readText(place);
  if (!file) return { document: { version: 1, suspensions: [] }, etag: undefined };
  const { text, etag } = file;
  const document = parseSuspensions(text);
  if (!Array.isArray(document)) return { document, etag };
  if (salvages) return { document: { version: 1, suspensions: salvageSuspensions(text) }, etag };
  throw new CommandProblem("wrong", "The suspensions are not valid, so Keyhold keeps the ones it read before", {
    where: printable(place.name),
    remedy:
      "restore the version before it, or add --replace-malformed to keep only the entries that can be read; " +
      "after an hour nothing is issued",
    details: describeProblems(document),
  });
}

async function readText(place: PolicyPlace): Promise<{ text: string; etag: string } | undefined> {
  try {
    return await place.read();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (isNotSignedIn(error)) throw notSignedInProblem();
    throw new CommandProblem("unavailable", `The suspensions cannot be read (${errorClass(error)})`, {
      where: printable(place.name),
      remedy:
        "check the network path and your rights: the file's, or Storage Blob Data Reader on the policy's container",
    });
  }
}

/** Between two people who write at once: each reads again and adds what is theirs. */
const maxAttempts = 8;

/**
 * Changes the document, again where somebody else wrote in between: what they wrote stays, and so does this change.
 * `change` returns undefined where there is nothing to do. True: it was written.
 * @throws CommandProblem where it cannot be read or written, or is not valid.
 */
export async function changeSuspensions(
  place: PolicyPlace,
  change: (document: SuspensionsDocument) => SuspensionsDocument | undefined,
  salvages?: boolean,
): Promise<boolean> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await loadSuspensions(place, salvages);
    const after = change(before.document);
    if (after === undefined) return false;
    if ((await write(place, suspensionsText(after), before.etag)) === "written") return true;
  }
  throw new CommandProblem("unavailable", "Others change the suspensions all the time: nothing was changed", {
    where: printable(place.name),
    remedy: "run the command again",
  });
}

async function write(place: PolicyPlace, text: string, etag: string | undefined): Promise<"written" | "changed_since"> {
  try {
    return await place.write(text, etag);
  } catch (error) {
    if (isNotSignedIn(error)) throw notSignedInProblem();
    throw new CommandProblem("unavailable", `The suspensions cannot be written (${errorClass(error)})`, {
      where: printable(place.name),
      remedy:
        "you need to be allowed to write there: Storage Blob Data Contributor on the policy's container, or the file's " +
        "rights",
    });
  }
}
