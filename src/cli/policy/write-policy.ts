import { errorClass } from "../../adapters/azure/error.ts";
import { CommandProblem, isNotSignedIn, notSignedInProblem } from "../command-problem.ts";
import { printable } from "../printable.ts";
import type { PolicyPlace } from "./policy-place.ts";

/**
 * Replaces the policy that has this ETag; with undefined, writes only if there is none.
 * @throws CommandProblem if it cannot be written, or was changed since it was read
 */
export async function writePolicy(place: PolicyPlace, text: string, etag: string | undefined): Promise<void> {
  const where = printable(place.name);
  let result: Awaited<ReturnType<PolicyPlace["write"]>>;
  try {
    result = await place.write(text, etag);
  } catch (error) {
    if (isNotSignedIn(error)) throw notSignedInProblem();
    throw new CommandProblem("unavailable", `The policy cannot be written (${errorClass(error)})`, {
      where,
      remedy:
        "you need to be allowed to write it (Storage Blob Data Contributor on its container, and a network path to it; or the " +
        "file's rights)",
    });
  }
  if (result === "written") return;
  throw new CommandProblem("wrong", "Somebody else changed the policy meanwhile: nothing was changed", {
    where,
    remedy: "review their change, and run the command again",
  });
}
