import { isDeepStrictEqual } from "node:util";
import { errorClass } from "../../adapters/azure/error.ts";
import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { printable } from "../printable.ts";
import { type Entry, type EntryKind, requireEntry } from "./find-entry.ts";
import { setMember } from "./json-text.ts";
import { compileText, describeProblems, loadPolicy } from "./load-policy.ts";
import type { PolicyPlace } from "./policy-place.ts";
import { describeTail, tokenTail } from "./token-tail.ts";

interface SetStatePorts {
  place: PolicyPlace;
  context: PolicyContext;
  ledger: LedgerSearch;
  nowMs: number;
}

export type Verb = "suspend" | "resume";

const stateOf = { suspend: "suspended", resume: "active" } as const;

/**
 * `tenant|caller|client suspend|resume`: changes one word of the policy where it lies. The new policy is compiled before
 * it is written, and written only over the one that was read.
 */
export async function setState(verb: Verb, kind: EntryKind, nameOrId: string, ports: SetStatePorts): Promise<Report> {
  const { place, context } = ports;
  const before = await loadPolicy(place, context);
  const entry = requireEntry(before.document, kind, nameOrId);
  const state = stateOf[verb];
  if (entry.state === state) {
    throw new CommandProblem("wrong", `The ${kind} ${entry.name} is ${state} already: nothing was changed`, {
      where: printable(place.name),
      remedy: verb === "suspend" ? "it is refused already" : "keyhold explain says what else is in the way",
    });
  }
  const text = setMember(before.text, [entry.list, entry.index], "state", state);
  assertOnlyStateChanged(before.text, text, entry, state);
  const after = compileText(text, context);
  if ("problems" in after) {
    throw new CommandProblem("wrong", "The changed policy would not be valid: nothing was changed", {
      where: printable(place.name),
      remedy: "fix what follows first",
      details: describeProblems(after.problems),
    });
  }
  await writePolicy(place, text, before.etag);
  const done = `${entry.name} (${kind} ${entry.id}) is ${state} in ${printable(place.name)}.`;
  const json = { kind, name: entry.name, id: entry.id, state, effectiveWithinSeconds: 60 };
  if (verb === "resume") {
    return { exit: exitCodes.fine, text: `${done}\nIt takes effect within 60 s on every instance.`, json };
  }
  const tail = await tokenTail(ports.ledger, kind, entry.id, ports.nowMs);
  const lines = [done, "It is refused on every instance within 60 s, also where its tokens are cached."];
  return {
    exit: exitCodes.fine,
    text: [...lines, ...describeTail(tail, ports.nowMs)].join("\n"),
    json: { ...json, tail },
  };
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
function assertOnlyStateChanged(before: string, after: string, { list, index }: Entry, state: string): void {
  const expected = JSON.parse(before) as Record<string, Record<string, unknown>[]>;
  const entry = expected[list]?.[index];
  if (entry) entry.state = state;
  if (!isDeepStrictEqual(JSON.parse(after), expected)) throw new TypeError("more than the state was changed");
}
