import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import { policySteps } from "../../domain/policy/compile.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { PolicyContext, PolicyProblem } from "../../domain/policy/problem.ts";
import { atOnce, type Steps } from "../../domain/shared/steps.ts";
import { entriesOf, type List, type ParsedEntries, parseEntries } from "./entries.ts";
import { shapeProblems } from "./shape.ts";
import { locateSteps, parseJsonSteps } from "./text.ts";

export type CompiledText = { document: PolicyDocument; policy: AccessPolicy } | { problems: readonly PolicyProblem[] };

/**
 * Compiles the text of a policy. Reports all problems of shape and of references at once, each with line and column:
 * entries with a wrong shape are left out, and the rest is compiled without them.
 */
export function compilePolicyText(text: string, context: PolicyContext): CompiledText {
  return atOnce(policyTextSteps(text, context));
}

/** The same in steps. For a text of one megabyte the longest step, `JSON.parse`, takes about five milliseconds. */
export function* policyTextSteps(text: string, context: PolicyContext): Steps<CompiledText> {
  const json = yield* parseJsonSteps(text);
  if ("problem" in json) return { problems: [json.problem] };
  yield;
  const entries = yield* parseEntries(json.value);
  const compiled = yield* policySteps(entries.document, context);
  if (entries.issues.length > 0) {
    const ofTheRest = Array.isArray(compiled) ? problemsOfTheRest(json.value, entries, compiled) : [];
    return { problems: yield* locateSteps(text, [...shapeProblems(entries.issues), ...ofTheRest]) };
  }
  if (Array.isArray(compiled)) return { problems: yield* locateSteps(text, compiled) };
  const withheld = compiled.withheld.length > 0 ? yield* locateSteps(text, compiled.withheld) : compiled.withheld;
  return { document: entries.document, policy: { ...compiled, withheld } };
}

/** The lists that the names in a grant refer to. */
const referencedLists: Record<string, List> = { caller: "callers", client: "clients", tenants: "tenants" };

/** The problems among the entries whose shape is right. Paths refer to the whole document. */
function problemsOfTheRest(
  value: unknown,
  { places, issues }: ParsedEntries,
  problems: readonly PolicyProblem[],
): PolicyProblem[] {
  const broken = brokenNames(value, issues);
  return problems
    .map(({ path, rule }) => ({ path: originalPath(path, places), rule }))
    .filter(({ path }) => !leadsToBroken(path, value, broken));
}

function originalPath(path: string, places: ParsedEntries["places"]): string {
  return path.replace(/^(\w+)\[(\d+)\]/, (_, list: List, index: string) => `${list}[${places[list][Number(index)]}]`);
}

/** The names of the entries that were left out, by list. */
function brokenNames(value: unknown, issues: ParsedEntries["issues"]): ReadonlyMap<unknown, ReadonlySet<unknown>> {
  const names = new Map<unknown, Set<unknown>>();
  for (const { path } of issues) {
    const [list, index] = path;
    const entry = entriesOf(value, list as List)[Number(index)];
    if (entry instanceof Object && "name" in entry) names.set(list, (names.get(list) ?? new Set()).add(entry.name));
  }
  return names;
}

/** Whether a problem is that a grant names an entry that was left out. That is not reported again. */
function leadsToBroken(path: string, value: unknown, broken: ReturnType<typeof brokenNames>): boolean {
  const [, grantIndex, member = "", nameIndex] =
    /^grants\[(\d+)\]\.(caller|client|tenants)(?:\[(\d+)\])?$/.exec(path) ?? [];
  const list = referencedLists[member];
  if (list === undefined) return false;
  if (!Array.isArray((value as Record<string, unknown>)[list])) return true;
  const grant = entriesOf(value, "grants")[Number(grantIndex)] as Record<string, unknown>;
  const named = nameIndex === undefined ? grant[member] : (grant[member] as unknown[])[Number(nameIndex)];
  return broken.get(list)?.has(named) === true;
}
