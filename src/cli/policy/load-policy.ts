import { errorClass } from "../../adapters/azure/error.ts";
import { compilePolicyText } from "../../adapters/policy/compile-text.ts";
import { isAbsent } from "../../adapters/policy/place.ts";
import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { PolicyContext, PolicyProblem } from "../../domain/policy/problem.ts";
import { CommandProblem, isNotSignedIn, notSignedInProblem } from "../command-problem.ts";
import { printable } from "../printable.ts";
import type { PolicyPlace } from "./policy-place.ts";

export interface LoadedPolicy {
  text: string;
  etag: string;
  document: PolicyDocument;
  policy: AccessPolicy;
}

/**
 * The text of the policy with its ETag, not checked.
 * @throws CommandProblem `unavailable` if it cannot be read
 */
export async function readPolicyText(place: PolicyPlace): Promise<{ text: string; etag: string }> {
  const file = await readPolicyIfThere(place);
  if (file) return file;
  throw new CommandProblem("unavailable", "There is no policy", {
    where: printable(place.name),
    remedy: "keyhold policy publish <file> writes the first one; check the path or the setting otherwise",
    command: "keyhold policy publish --help",
  });
}

/**
 * As `readPolicyText`, but undefined if there is none.
 * @throws CommandProblem `unavailable` if it cannot be read
 */
export async function readPolicyIfThere(place: PolicyPlace): Promise<{ text: string; etag: string } | undefined> {
  try {
    return await place.read();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (isNotSignedIn(error)) throw notSignedInProblem();
    throw new CommandProblem("unavailable", `The policy cannot be read (${errorClass(error)})`, {
      where: printable(place.name),
      remedy: "check that you may read it: the file's rights, or Storage Blob Data Reader on its container",
    });
  }
}

/** For commands that need a policy in force. Throws a `CommandProblem` with all problems of the policy. */
export async function loadPolicy(place: PolicyPlace, context: PolicyContext): Promise<LoadedPolicy> {
  const { text, etag } = await readPolicyText(place);
  const compiled = compilePolicyText(text, context);
  if (!("problems" in compiled)) return { text, etag, ...compiled };
  throw new CommandProblem("wrong", "The policy is not valid, so Keyhold does not use it", {
    where: printable(place.name),
    remedy: "fix it; keyhold policy check reports when it is valid",
    command: "keyhold policy check",
    details: describeProblems(compiled.problems),
  });
}

/** `line 3, column 15: tenants[0].tenantId: must be a GUID`. A path may contain a key that somebody else wrote. */
export function describeProblems(problems: readonly PolicyProblem[]): string[] {
  return problems.map(({ line, column, path, rule }) => {
    const place = line === undefined ? "" : `line ${line}, column ${column}: `;
    return `${place}${printable(path)}: ${printable(rule, 400)}`;
  });
}
