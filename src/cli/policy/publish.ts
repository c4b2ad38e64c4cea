import { isDeepStrictEqual } from "node:util";
import { compilePolicyText } from "../../adapters/policy/compile-text.ts";
import { repeatedKeys, withoutMark } from "../../adapters/policy/text.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { printable } from "../printable.ts";
import { describeDifference, differenceOf, type ValidPolicy } from "./difference.ts";
import { describeProblems, loadPolicy, readPolicyIfThere, readPolicyText } from "./load-policy.ts";
import type { PolicyPlace } from "./policy-place.ts";
import { writePolicy } from "./write-policy.ts";

/**
 * `policy diff`: reports the rights gained and lost between two policies. Changes nothing.
 * @throws CommandProblem if one of them cannot be read or is not valid
 */
export async function diffPolicies(before: PolicyPlace, after: PolicyPlace, context: PolicyContext): Promise<Report> {
  const difference = differenceOf(await loadPolicy(before, context), await loadPolicy(after, context));
  return { exit: exitCodes.fine, text: describeDifference(difference).join("\n"), json: difference };
}

interface PublishOptions {
  dryRun?: true;
  /** The policy that must be in force now. */
  expect?: PolicyPlace;
}

/**
 * `policy publish`: replaces the policy in force, but only the version that was read, or writes the first one. An
 * invalid policy in force is replaced too, which repairs it.
 * @throws CommandProblem if the new one is not valid or has duplicate keys, the one in force is not the expected one,
 * or it cannot be written
 */
export async function publishPolicy(
  file: PolicyPlace,
  place: PolicyPlace,
  context: PolicyContext,
  { dryRun, expect }: PublishOptions,
): Promise<Report> {
  const after = await loadPolicy(file, context);
  const repeated = repeatedKeys(after.text);
  if (repeated.length > 0) {
    throw new CommandProblem("wrong", "The new policy has keys more than once: nothing was changed", {
      where: printable(file.name),
      remedy: "remove the duplicates",
      details: describeProblems(repeated),
    });
  }
  const inForce = await readInForce(place, context);
  if (expect) await requireExpected(inForce, expect, place);
  const difference = differenceOf(inForce.valid, after);
  const isSame = inForce.text === after.text;
  if (!dryRun && !isSame) await writePolicy(place, after.text, inForce.etag);
  const where = printable(place.name);
  const done = isSame
    ? `${where} already has exactly this policy.`
    : dryRun
      ? `Dry run. It would replace ${where}:`
      : `Published to ${where}. It takes effect within 60 s:`;
  const broken =
    inForce.text !== undefined && !inForce.valid ? ["The policy there is not valid: all rights show as new."] : [];
  const withheld = describeProblems(after.policy.withheld).map((line) => `refused: ${line}`);
  const json = { where: place.name, written: !dryRun && !isSame, difference, withheld: after.policy.withheld };
  return {
    exit: exitCodes.fine,
    text: [done, ...broken, ...describeDifference(difference), ...withheld].join("\n"),
    json,
  };
}

interface InForce {
  /** Undefined: there is none. */
  text: string | undefined;
  etag: string | undefined;
  /** Undefined if there is none, or it is not valid. */
  valid: ValidPolicy | undefined;
}

async function readInForce(place: PolicyPlace, context: PolicyContext): Promise<InForce> {
  const read = await readPolicyIfThere(place);
  if (!read) return { text: undefined, etag: undefined, valid: undefined };
  const compiled = compilePolicyText(read.text, context);
  return { ...read, valid: "problems" in compiled ? undefined : compiled };
}

/**
 * Throws if the policy in force is not the one that was reviewed, so that a pipeline does not overwrite a later change.
 */
async function requireExpected({ text }: InForce, expect: PolicyPlace, place: PolicyPlace): Promise<void> {
  const expected = (await readPolicyText(expect)).text;
  if (text !== undefined && isSameJson(text, expected)) return;
  throw new CommandProblem("wrong", "The policy in force is not the expected one: nothing was changed", {
    where: printable(place.name),
    remedy: "merge what was changed there first",
    command: `keyhold policy diff ${printable(expect.name)}`,
  });
}

function isSameJson(one: string, other: string): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(withoutMark(one)), JSON.parse(withoutMark(other)));
  } catch {
    return one === other;
  }
}
