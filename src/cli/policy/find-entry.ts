import type { PolicyDocument } from "../../domain/policy/document.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { CommandProblem } from "../command-problem.ts";
import { printable } from "../printable.ts";

/** The lists of the policy whose entries have a name, an id and a state. */
export type EntryKind = "tenant" | "caller" | "client";

/** For each kind: its list in the policy, and the member with its id. */
export const entryKinds = {
  tenant: { list: "tenants", idKey: "tenantId" },
  caller: { list: "callers", idKey: "objectId" },
  client: { list: "clients", idKey: "clientId" },
} as const;

export interface Entry {
  list: "tenants" | "callers" | "clients";
  index: number;
  name: string;
  id: Guid;
  state: "active" | "suspended";
}

/**
 * The entry with exactly this name, or with this id in any letter case; undefined if there is none. Names may look like
 * ids. If name and id match different entries, it throws, because guessing could suspend the wrong one.
 */
export function findEntry(document: PolicyDocument, kind: EntryKind, nameOrId: string): Entry | undefined {
  const entries = entriesOf(document, kind);
  const wantedId = parseGuid(nameOrId);
  // The policy has composed characters only, but some terminals send decomposed ones.
  const byName = entries.find(({ name }) => name === nameOrId.normalize("NFC"));
  const byId = entries.find(({ id }) => id === wantedId);
  if (byName && byId && byName !== byId) {
    throw new CommandProblem("wrong", `${printable(nameOrId)} is the name of one ${kind} and the id of another`, {
      where: `the policy, ${entryKinds[kind].list}`,
      remedy: `use an unambiguous name or id: ${byName.name} has the id ${byName.id}, ${byId.id} the name ${printable(byId.name)}`,
    });
  }
  return byId ?? byName;
}

/**
 * As `findEntry`, but throws if there is no entry.
 * @throws CommandProblem if there is no such entry, with similar names
 */
export function requireEntry(document: PolicyDocument, kind: EntryKind, nameOrId: string): Entry {
  const entry = findEntry(document, kind, nameOrId);
  if (entry) return entry;
  const names = entriesOf(document, kind).map(({ name }) => name);
  throw new CommandProblem("wrong", `No ${kind} has the name or the id "${printable(nameOrId, 80)}"`, {
    where: `the policy, ${entryKinds[kind].list}`,
    remedy: knownNames(`${kind}s`, names, nameOrId),
  });
}

function entriesOf(document: PolicyDocument, kind: EntryKind): Entry[] {
  const { list, idKey } = entryKinds[kind];
  return document[list].map((entry, index) => {
    const id = parseGuid((entry as unknown as Record<string, string>)[idKey]) ?? ("" as Guid);
    return { list, index, name: entry.name, id, state: entry.state };
  });
}

const namesShown = 5;

/**
 * Suggests existing names for an unknown one: those that begin the same way, or any. `what`: the kind of entry, plural.
 */
export function knownNames(what: string, all: readonly string[], wanted: string): string {
  const names = [...new Set(all)];
  const start = wanted.slice(0, 3).toLowerCase();
  const similar = names.filter((name) => name.toLowerCase().startsWith(start));
  const candidates = similar.length > 0 ? similar : names;
  if (candidates.length === 0) return `there are no ${what} yet: add one`;
  const more = candidates.length > namesShown ? `, and ${candidates.length - namesShown} more` : "";
  return `known ${what}: ${candidates.slice(0, namesShown).join(", ")}${more}`;
}
