import { errorClass } from "../../adapters/azure/error.ts";
import { withoutMark } from "../../adapters/policy/text.ts";
import type { SuspendedKind } from "../../domain/policy/suspensions.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { CommandProblem, isNotSignedIn, notSignedIn, notSignedInProblem } from "../command-problem.ts";
import { entryKinds, knownNames } from "../policy/find-entry.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { printable } from "../printable.ts";

/** The entry that a suspension is about, and the policy's facts about it, if the policy can be read. */
export interface Subject {
  id: Guid;
  /** Undefined: the policy has no such entry, or cannot be read. */
  name: string | undefined;
  /** Whether the policy itself suspends it; undefined if it cannot be read. */
  isSuspendedByPolicy: boolean | undefined;
  /** Why the policy could not be read. */
  unreadable: string | undefined;
}

/**
 * The entry that an operator means. An id always works, even if the policy is broken; a name works if the policy is
 * JSON, valid or not.
 * @throws CommandProblem for a name that cannot be looked up, is unknown, or means several ids.
 */
export async function findSubject(place: PolicyPlace, kind: SuspendedKind, nameOrId: string): Promise<Subject> {
  const policy = await readEntries(place, kind);
  const unreadable = "unreadable" in policy ? policy.unreadable : undefined;
  const entries = "unreadable" in policy ? [] : policy.entries;
  const id = parseGuid(nameOrId) ?? idOfName(entries, kind, nameOrId, unreadable);
  const own = entries.filter((entry) => entry.id === id);
  return {
    id,
    name: own[0]?.name,
    isSuspendedByPolicy: unreadable === undefined ? own.some(({ state }) => state === "suspended") : undefined,
    unreadable,
  };
}

interface LooseEntry {
  name: string;
  id: Guid;
  state: unknown;
}

function idOfName(entries: readonly LooseEntry[], kind: SuspendedKind, name: string, unreadable?: string): Guid {
  const where = `the policy, ${entryKinds[kind].list}`;
  if (unreadable === notSignedIn) throw notSignedInProblem();
  if (unreadable !== undefined) {
    throw new CommandProblem("wrong", `The name "${printable(name, 80)}" cannot be looked up: ${unreadable}`, {
      where,
      remedy: `give the id of the ${kind} instead of its name: an id works even if the policy is broken`,
    });
  }
  const ids = [
    ...new Set(entries.filter((entry) => entry.name.normalize("NFC") === name.normalize("NFC")).map(({ id }) => id)),
  ];
  if (ids[0] !== undefined && ids.length === 1) return ids[0];
  if (ids.length > 1) {
    const remedy = `give one of the ids: ${ids.join(", ")}`;
    throw new CommandProblem("wrong", `Several ${kind}s have the name "${printable(name, 80)}"`, { where, remedy });
  }
  const remedy = knownNames(
    `${kind}s`,
    entries.map((entry) => printable(entry.name, 64)),
    name,
  );
  throw new CommandProblem("wrong", `No ${kind} has the name "${printable(name, 80)}"`, { where, remedy });
}

/** The readable entries of the policy's list, even if the policy is not valid. */
async function readEntries(
  place: PolicyPlace,
  kind: SuspendedKind,
): Promise<{ entries: LooseEntry[] } | { unreadable: string }> {
  let document: unknown;
  try {
    document = JSON.parse(withoutMark((await place.read()).text));
  } catch (error) {
    if (isNotSignedIn(error)) return { unreadable: notSignedIn };
    const isText = error instanceof SyntaxError;
    return { unreadable: isText ? "the policy is not JSON" : `the policy cannot be read (${errorClass(error)})` };
  }
  const { list, idKey } = entryKinds[kind];
  const found = document instanceof Object ? (document as Record<string, unknown>)[list] : undefined;
  const entries = (Array.isArray(found) ? found : []).flatMap((entry: Record<string, unknown> | null) => {
    const id = parseGuid(entry?.[idKey]);
    return id !== undefined && typeof entry?.name === "string" ? [{ name: entry.name, id, state: entry.state }] : [];
  });
  return { entries };
}
