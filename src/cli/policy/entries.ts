import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { printable } from "../printable.ts";
import { describeDifference, type ValidPolicy } from "./difference.ts";
import { type Edit, type Edited, type EditTarget, editPolicy } from "./edit-policy.ts";
import { type EntryKind, entryKinds, findEntry, requireEntry } from "./find-entry.ts";
import { loadPolicy } from "./load-policy.ts";

/** An entry as it will be written, with its name and id. */
export interface NewEntry {
  id: Guid;
  name: string;
  /** The complete entry. */
  value: object;
}

/**
 * `tenant|caller|client add`. If an entry with this name and id exists already, it succeeds and changes nothing.
 * @throws CommandProblem if name or id belong to another entry, or the policy cannot be changed
 */
export async function addEntry(
  kind: EntryKind,
  { id, name: typed, value: whole }: NewEntry,
  target: EditTarget,
): Promise<{ report: Report; valid: ValidPolicy }> {
  const name = typed.normalize("NFC");
  const value = { ...whole, name };
  const before = await loadPolicy(target.place, target.context);
  const [byId, byName] = [findEntry(before.document, kind, id), findEntry(before.document, kind, name)];
  if (byId && byId.index === byName?.index) {
    const text = `${printable(name)} (${kind} ${id}) is in ${printable(target.place.name)} already: nothing was changed.`;
    return { report: { exit: exitCodes.fine, text, json: { kind, id, name, written: false } }, valid: before };
  }
  const other = byId ?? byName;
  if (other) {
    throw new CommandProblem("wrong", `There is another ${kind} with this ${byId ? "id" : "name"}`, {
      where: `the policy, ${entryKinds[kind].list}`,
      remedy: `${printable(other.name)} has the id ${other.id}: give both as they are there, or another`,
    });
  }
  const edited = await editPolicy(before, [{ append: [entryKinds[kind].list], value }], target);
  const report = editReport(`${printable(name)} (${kind} ${id}) is added`, { kind, id, name }, edited, target);
  return { report, valid: edited.after };
}

/**
 * `tenant|caller|client remove`: removes the entry, its name from grants, and the grants that need it.
 * @throws CommandProblem if there is no such entry, or the policy cannot be changed
 */
export async function removeEntry(kind: EntryKind, nameOrId: string, target: EditTarget): Promise<Report> {
  const before = await loadPolicy(target.place, target.context);
  const { list, index, name, id } = requireEntry(before.document, kind, nameOrId);
  const edits: Edit[] = [...grantEdits(before.document, kind, name), { remove: [list, index] }];
  const edited = await editPolicy(before, edits, target);
  return editReport(`${printable(name)} (${kind} ${id}) is removed`, { kind, id, name }, edited, target);
}

/** Edits go from the last grant to the first, so that no edit changes the index of a later one. */
function grantEdits({ grants }: PolicyDocument, kind: EntryKind, name: string): Edit[] {
  return [...grants.entries()].reverse().flatMap(([i, grant]): Edit[] => {
    if (kind !== "tenant") return grant[kind] === name ? [{ remove: ["grants", i] }] : [];
    if (grant.tenants === "all-active" || !grant.tenants.includes(name)) return [];
    if (grant.tenants.every((each) => each === name)) return [{ remove: ["grants", i] }];
    return removalsOf(grant.tenants, [name], ["grants", i, "tenants"]);
  });
}

/** The edits that remove these texts from a list, the last one first. */
export function removalsOf(list: readonly string[], texts: readonly string[], path: (string | number)[]): Edit[] {
  return [...list.entries()]
    .reverse()
    .flatMap(([i, text]): Edit[] => (texts.includes(text) ? [{ remove: [...path, i] }] : []));
}

/** Reports what a change of the policy did, or in a dry run would do. */
export function editReport(
  done: string,
  json: Record<string, unknown>,
  { difference }: Edited,
  { place, dryRun = false }: EditTarget,
): Report {
  const where = printable(place.name);
  const first = dryRun
    ? `Dry run: nothing was written. Without --dry-run, in ${where}: ${done}.`
    : `${done} in ${where}. It takes effect within 60 s.`;
  return {
    exit: exitCodes.fine,
    text: [first, ...describeDifference(difference)].join("\n"),
    json: { ...json, written: !dryRun, difference },
  };
}
