import { isDeepStrictEqual } from "node:util";
import { compilePolicyText } from "../../adapters/policy/compile-text.ts";
import { withoutMark } from "../../adapters/policy/text.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { CommandProblem } from "../command-problem.ts";
import { printable } from "../printable.ts";
import { differenceOf, type PolicyDifference, type ValidPolicy } from "./difference.ts";
import { appendItem, type JsonPath, removeItem, setMember } from "./json-text.ts";
import { describeProblems, type LoadedPolicy } from "./load-policy.ts";
import type { PolicyPlace } from "./policy-place.ts";
import { writePolicy } from "./write-policy.ts";

/** A change at one place. Several edits are applied in order, each to the result of the one before. */
export type Edit =
  | { set: JsonPath; key: string; value: unknown }
  | { append: JsonPath; value: unknown }
  | { remove: JsonPath };

export interface EditTarget {
  place: PolicyPlace;
  context: PolicyContext;
  /** Reports what would change, and writes nothing. */
  dryRun?: boolean;
}

export interface Edited {
  after: ValidPolicy;
  difference: PolicyDifference;
}

/**
 * Makes the edits and leaves all other text as its author wrote it. The new policy is compiled before it is written,
 * and written only over the version that was read.
 * @throws CommandProblem if it would not be valid, cannot be written, or was changed since it was read
 */
export async function editPolicy(
  before: LoadedPolicy,
  edits: readonly Edit[],
  { place, context, dryRun = false }: EditTarget,
): Promise<Edited> {
  const text = edits.reduce(editText, before.text);
  assertOnlyThese(before.text, text, edits);
  const after = compilePolicyText(text, context);
  if ("problems" in after) {
    throw new CommandProblem("wrong", "The changed policy would not be valid: nothing was changed", {
      where: printable(place.name),
      remedy: "fix the following first; lines refer to the changed policy",
      details: describeProblems(after.problems),
    });
  }
  if (!dryRun && text !== before.text) await writePolicy(place, text, before.etag);
  return { after, difference: differenceOf(before, after) };
}

function editText(text: string, edit: Edit): string {
  if ("set" in edit) return setMember(text, edit.set, edit.key, edit.value);
  if ("append" in edit) return appendItem(text, edit.append, edit.value);
  return removeItem(text, edit.remove);
}

/** Checks that the edits of the text changed exactly the intended values. */
function assertOnlyThese(before: string, after: string, edits: readonly Edit[]): void {
  const expected: unknown = JSON.parse(withoutMark(before));
  for (const edit of edits) editValue(expected, edit);
  if (!isDeepStrictEqual(JSON.parse(withoutMark(after)), expected)) throw new TypeError("more than that was changed");
}

function editValue(whole: unknown, edit: Edit): void {
  if ("set" in edit) (valueAt(whole, edit.set) as Record<string, unknown>)[edit.key] = edit.value;
  else if ("append" in edit) (valueAt(whole, edit.append) as unknown[]).push(edit.value);
  else (valueAt(whole, edit.remove.slice(0, -1)) as unknown[]).splice(Number(edit.remove.at(-1)), 1);
}

function valueAt(whole: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string | number, unknown>)[step], whole);
}
