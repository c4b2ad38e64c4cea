import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import { compilePolicy } from "../../domain/policy/compile.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { PolicyContext, PolicyProblem } from "../../domain/policy/problem.ts";
import { policySchema } from "./schema.ts";
import { shapeProblems } from "./shape.ts";
import { locate, parseJson } from "./text.ts";

export type CompiledText = { document: PolicyDocument; policy: AccessPolicy } | { problems: readonly PolicyProblem[] };

/**
 * From text to compiled policy. All problems of shape and of references come at once, each with line and column: entries
 * whose shape is wrong are left out, and the rest is compiled without them.
 */
export function compilePolicyText(text: string, context: PolicyContext): CompiledText {
  const json = parseJson(text);
  if ("problem" in json) return { problems: [json.problem] };
  const parsed = policySchema.safeParse(json.value);
  if (parsed.success) {
    const policy = compilePolicy(parsed.data, context);
    if (Array.isArray(policy)) return { problems: locate(text, policy) };
    const withheld = policy.withheld.length > 0 ? locate(text, policy.withheld) : policy.withheld;
    return { document: parsed.data, policy: { ...policy, withheld } };
  }
  const ofShape = shapeProblems(parsed.error.issues);
  const broken = new Set(parsed.error.issues.map(({ path: [list, index] }) => `${String(list)}[${String(index)}]`));
  return { problems: locate(text, [...ofShape, ...problemsOfTheRest(json.value, broken, context)]) };
}

const lists = ["clients", "tenants", "callers", "grants", "metadata", "homeApis"] as const;
type List = (typeof lists)[number];

/** The lists that the names in a grant refer to. */
const referencedLists: Record<string, List> = { caller: "callers", client: "clients", tenants: "tenants" };

/** What is wrong between the entries whose own shape is right, by their places in the whole. */
function problemsOfTheRest(value: unknown, broken: ReadonlySet<string>, context: PolicyContext): PolicyProblem[] {
  const whole = value instanceof Object ? (value as Record<string, unknown>) : {};
  const kept = new Map<List, number[]>();
  const rest: Record<string, unknown> = {};
  for (const list of lists) {
    const entries = entriesOf(whole, list);
    const indexes = [...entries.keys()].filter((i) => !broken.has(`${list}[${i}]`));
    kept.set(list, indexes);
    rest[list] = indexes.map((i) => entries[i]);
  }
  if (![...broken].some((place) => place.startsWith("publisher["))) rest.publisher = whole.publisher;
  const document = policySchema.safeParse(rest);
  const problems = document.success ? compilePolicy(document.data, context) : [];
  if (!Array.isArray(problems)) return [];
  return problems
    .map(({ path, rule }) => ({ path: originalPath(path, kept), rule }))
    .filter(({ path }) => !leadsToBroken(path, whole, broken));
}

function entriesOf(whole: Record<string, unknown>, list: List): unknown[] {
  return Array.isArray(whole[list]) ? whole[list] : [];
}

function originalPath(path: string, kept: ReadonlyMap<List, number[]>): string {
  return path.replace(
    /^(\w+)\[(\d+)\]/,
    (_, list: List, index: string) => `${list}[${kept.get(list)?.[Number(index)]}]`,
  );
}

/** Whether a grant names an entry that was left out: that it is missing is no problem of its own. */
function leadsToBroken(path: string, whole: Record<string, unknown>, broken: ReadonlySet<string>): boolean {
  const [, grantIndex, member = "", nameIndex] =
    /^grants\[(\d+)\]\.(caller|client|tenants)(?:\[(\d+)\])?$/.exec(path) ?? [];
  const list = referencedLists[member];
  if (list === undefined) return false;
  if (!Array.isArray(whole[list])) return true;
  const grant = entriesOf(whole, "grants")[Number(grantIndex)] as Record<string, unknown>;
  const named = nameIndex === undefined ? grant[member] : (grant[member] as unknown[])[Number(nameIndex)];
  return entriesOf(whole, list).some((entry, i) => {
    return broken.has(`${list}[${i}]`) && entry instanceof Object && (entry as { name?: unknown }).name === named;
  });
}
