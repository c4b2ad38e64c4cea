import type * as z from "zod";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { Steps } from "../../domain/shared/steps.ts";
import { policySchema } from "./schema.ts";

const { clients, tenants, callers, grants, metadata, homeApis, publisher } = policySchema.shape;
const entrySchemas = {
  clients: clients.element,
  tenants: tenants.element,
  callers: callers.element,
  grants: grants.element,
  metadata: metadata.unwrap().element,
  homeApis: homeApis.unwrap().element,
};
export type List = keyof typeof entrySchemas;
const lists = Object.keys(entrySchemas) as List[];

export interface ParsedEntries {
  /** The document without the entries that have issues. */
  document: PolicyDocument;
  /** For each list: the indexes in the text of the entries that are in `document`. */
  places: Readonly<Record<List, readonly number[]>>;
  /** The issues that the whole schema would report, in its order. */
  issues: readonly z.core.$ZodIssue[];
}

/** Checks a value against the policy's schema, one entry at a time. */
export function* parseEntries(value: unknown): Steps<ParsedEntries> {
  const issues: z.core.$ZodIssue[] = [];
  const document: Record<string, unknown> = { publisher: publisher.safeParse(membersOf(value).publisher).data };
  const places = {} as Record<List, number[]>;
  for (const list of lists) {
    const kept: unknown[] = [];
    places[list] = [];
    for (const [index, entry] of entriesOf(value, list).entries()) {
      const parsed = entrySchemas[list].safeParse(entry);
      if (parsed.success) {
        kept.push(parsed.data);
        places[list].push(index);
      } else issues.push(...parsed.error.issues.map((issue) => ({ ...issue, path: [list, index, ...issue.path] })));
      yield;
    }
    document[list] = kept;
  }
  issues.push(...(policySchema.safeParse(withoutEntries(value)).error?.issues ?? []));
  return { document: document as unknown as PolicyDocument, places, issues: inOrder(issues) };
}

/** The entries of a list; none if the value has no such list. */
export function entriesOf(value: unknown, list: List): unknown[] {
  const entries = membersOf(value)[list];
  return Array.isArray(entries) ? entries : [];
}

function membersOf(value: unknown): Record<string, unknown> {
  return value instanceof Object ? (value as Record<string, unknown>) : {};
}

function withoutEntries(value: unknown): unknown {
  if (!(value instanceof Object) || Array.isArray(value)) return value;
  const members = Object.entries(value).map(([key, member]) => [
    key,
    isList(key) && Array.isArray(member) ? [] : member,
  ]);
  return Object.fromEntries(members);
}

function isList(key: string): boolean {
  return Object.hasOwn(entrySchemas, key);
}

/** Sorts issues by the schema's order of members. Issues of the whole document come last. */
function inOrder(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const members = Object.keys(policySchema.shape);
  const rank = ({ path: [member] }: z.core.$ZodIssue) =>
    member === undefined ? members.length : members.indexOf(`${String(member)}`);
  return issues.toSorted((one, other) => rank(one) - rank(other));
}
