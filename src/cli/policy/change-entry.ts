import { isDeepStrictEqual } from "node:util";
import { errorClass } from "../../adapters/azure/error.ts";
import { compilePolicyText } from "../../adapters/policy/compile-text.ts";
import { withoutMark } from "../../adapters/policy/text.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { CommandProblem } from "../command-problem.ts";
import { printable } from "../printable.ts";
import type { Entry } from "./find-entry.ts";
import { setMember } from "./json-text.ts";
import { describeProblems, type LoadedPolicy } from "./load-policy.ts";
import type { PolicyPlace } from "./policy-place.ts";

/**
 * Sets one member of an entry and leaves every other character as its author wrote it. The new policy is compiled
 * before it is written, and written only over the one that was read.
 * @throws CommandProblem where it would not be valid, cannot be written, or was changed since it was read.
 */
export async function changeEntry(
  before: LoadedPolicy,
  entry: Entry,
  change: { key: "tokensNotBefore"; value: string },
  { place, context }: { place: PolicyPlace; context: PolicyContext },
): Promise<void> {
  const text = setMember(before.text, [entry.list, entry.index], change.key, change.value);
  assertOnlyThatChanged(before.text, text, entry, change);
  const after = compilePolicyText(text, context);
  if ("problems" in after) {
    throw new CommandProblem("wrong", "The changed policy would not be valid: nothing was changed", {
      where: printable(place.name),
      remedy: "fix what follows first",
      details: describeProblems(after.problems),
    });
  }
  await writePolicy(place, text, before.etag);
}

/**
 * Writes the policy over the one that has this ETag.
 * @throws CommandProblem where it cannot be written, or was changed since it was read.
 */
export async function writePolicy(place: PolicyPlace, text: string, etag: string): Promise<void> {
  const where = printable(place.name);
  let result: Awaited<ReturnType<PolicyPlace["write"]>>;
  try {
    result = await place.write(text, etag);
  } catch (error) {
    throw new CommandProblem("unavailable", `The policy cannot be written (${errorClass(error)})`, {
      where,
      remedy:
        "you need to be allowed to write it: Storage Blob Data Contributor on its container, or the file's rights",
    });
  }
  if (result === "written") return;
  throw new CommandProblem("wrong", "Somebody else changed the policy in between: nothing was changed", {
    where,
    remedy: "look at what they changed, and run the command again",
  });
}

/** The change was made in text: this is what makes sure of what it means. */
function assertOnlyThatChanged(
  before: string,
  after: string,
  { list, index }: Entry,
  { key, value }: { key: string; value: string },
): void {
  const expected = JSON.parse(withoutMark(before)) as Record<string, Record<string, unknown>[]>;
  const entry = expected[list]?.[index];
  if (entry) entry[key] = value;
  if (!isDeepStrictEqual(JSON.parse(withoutMark(after)), expected)) throw new TypeError(`more than ${key} was changed`);
}
