import { errorClass } from "../../adapters/azure/error.ts";
import { isAbsent } from "../../adapters/policy/place.ts";
import { CommandProblem, isNotSignedIn, notSignedInProblem } from "../command-problem.ts";
import { printable } from "../printable.ts";
import type { PolicyPlace } from "./policy-place.ts";

/**
 * Documents beside the policy, which only the command line writes.
 * `what`: what it holds, for messages (`The suspensions`).
 */

/**
 * The text of a document; undefined if there is none yet.
 * @throws CommandProblem `unavailable` if it cannot be read
 */
export async function readBeside(
  place: PolicyPlace,
  what: string,
): Promise<{ text: string; etag: string } | undefined> {
  try {
    return await place.read();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (isNotSignedIn(error)) throw notSignedInProblem();
    throw new CommandProblem("unavailable", `${what} cannot be read (${errorClass(error)})`, {
      where: printable(place.name),
      remedy:
        "check the network path and your rights: the file's, or Storage Blob Data Reader on the policy's container",
    });
  }
}

/**
 * How often a write is attempted when somebody else writes at the same time. Each attempt reads again and adds its
 * change.
 */
const maxAttempts = 8;

/**
 * Changes a document, and retries if somebody else wrote in between, so that both changes are kept. `change` gets the
 * text, undefined if there is no document yet, and returns undefined if there is nothing to do. Returns whether the
 * document was written.
 * @throws CommandProblem if it cannot be read or written
 */
export async function changeBeside(
  place: PolicyPlace,
  what: string,
  change: (text: string | undefined) => string | undefined,
): Promise<boolean> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await readBeside(place, what);
    const after = change(before?.text);
    if (after === undefined) return false;
    if ((await write(place, what, after, before?.etag)) === "written") return true;
  }
  throw new CommandProblem("unavailable", `Concurrent changes kept interfering: nothing was changed`, {
    where: printable(place.name),
    remedy: "run the command again",
  });
}

async function write(place: PolicyPlace, what: string, text: string, etag: string | undefined) {
  try {
    return await place.write(text, etag);
  } catch (error) {
    if (isNotSignedIn(error)) throw notSignedInProblem();
    throw new CommandProblem("unavailable", `${what} cannot be written (${errorClass(error)})`, {
      where: printable(place.name),
      remedy:
        "you need to be allowed to write there: Storage Blob Data Contributor on the policy's container, or the file's " +
        "rights",
    });
  }
}
