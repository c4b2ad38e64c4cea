import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { printable } from "../printable.ts";
import { changeEntry } from "./change-entry.ts";
import { type EntryKind, requireEntry } from "./find-entry.ts";
import { loadPolicy } from "./load-policy.ts";
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
 * `tenant|caller|client suspend|resume`: changes one word of the policy where it lies.
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
  await changeEntry(before, entry, { key: "state", value: state }, { place, context });
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
