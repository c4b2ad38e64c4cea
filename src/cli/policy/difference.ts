import { isDeepStrictEqual } from "node:util";
import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import { type Right, rightsOf } from "../../domain/policy/rights.ts";
import { plural, printable } from "../printable.ts";

/** A policy that is valid, as written and as compiled. */
export interface ValidPolicy {
  document: PolicyDocument;
  policy: AccessPolicy;
}

/** The difference between two policies: rights gained and lost, and changed entries. */
export interface PolicyDifference {
  gained: NamedRight[];
  lost: NamedRight[];
  entries: EntryChange[];
}

/** A right by names. `tenant` is `every tenant added later` if a grant says `all-active`. */
export interface NamedRight {
  caller: string;
  client: string;
  tenant: string;
  /** A scope, or `assertion`. */
  gets: string;
}

interface EntryChange {
  change: "added" | "removed" | "changed";
  kind: string;
  name: string;
  /** For an entry that changed: its members that differ. */
  members?: string[];
}

/** Compares two policies. `before` undefined: there was no policy, and so no right. */
export function differenceOf(before: ValidPolicy | undefined, after: ValidPolicy): PolicyDifference {
  const old = before ? rightsOf(before.policy) : new Map<string, Right>();
  const now = rightsOf(after.policy);
  const only = (rights: Map<string, Right>, others: Map<string, Right>, policy: AccessPolicy) =>
    [...rights].filter(([key]) => !others.has(key)).map(([, right]) => named(right, policy));
  return {
    gained: only(now, old, after.policy),
    lost: before ? only(old, now, before.policy) : [],
    entries: entryChanges(before?.document, after.document),
  };
}

/** All rights that a policy gives, with names. */
export function namedRightsOf(policy: AccessPolicy): NamedRight[] {
  return [...rightsOf(policy).values()].map((right) => named(right, policy));
}

function named(right: Right, { callers, clients, tenants }: AccessPolicy): NamedRight {
  const tenant = right.tenantId === "*" ? "every tenant added later" : tenants.get(right.tenantId)?.name;
  return {
    caller: callers.get(right.callerId)?.name ?? right.callerId,
    client: clients.get(right.clientId)?.name ?? right.clientId,
    tenant: tenant ?? right.tenantId,
    gets: right.issues === "token" ? right.scope : "assertion",
  };
}

/** Lists whose entries have an id. Grants have none; they show in the rights. */
const identified = {
  clients: ["client", "clientId"],
  tenants: ["tenant", "tenantId"],
  callers: ["caller", "objectId"],
  homeApis: ["home API", "applicationId"],
} as const;

function entryChanges(before: PolicyDocument | undefined, after: PolicyDocument): EntryChange[] {
  type Entry = Record<string, unknown> & { name: string };
  const lists = Object.entries(identified) as [keyof typeof identified, readonly [string, string]][];
  const changes = lists.flatMap(([list, [kind, idKey]]) => {
    const byId = (document: PolicyDocument | undefined) =>
      new Map(
        ((document?.[list] ?? []) as unknown as Entry[]).map((each) => [String(each[idKey]).toLowerCase(), each]),
      );
    return compare(kind, byId(before), byId(after));
  });
  const metadata = (document: PolicyDocument | undefined) =>
    new Map(
      (document?.metadata ?? []).map((each) => [
        `${each.tenant} ${each.appId ?? ""}`.trim().toLowerCase(),
        { ...each },
      ]),
    );
  const publisher = (document: PolicyDocument | undefined) =>
    new Map(document?.publisher ? [["publisher", { ...document.publisher }]] : []);
  return [
    ...changes,
    ...compare("metadata", metadata(before), metadata(after)),
    ...compare("publisher", publisher(before), publisher(after)),
  ];
}

function compare(
  kind: string,
  before: ReadonlyMap<string, Record<string, unknown>>,
  after: ReadonlyMap<string, Record<string, unknown>>,
): EntryChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((id): EntryChange[] => {
    const [old, now] = [before.get(id), after.get(id)];
    const name = String(now?.name ?? old?.name ?? id);
    if (!old || !now) return [{ change: now ? "added" : "removed", kind, name }];
    const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])];
    const members = keys.filter((key) => !isDeepStrictEqual(old[key], now[key]));
    return members.length > 0 ? [{ change: "changed", kind, name, members }] : [];
  });
}

const signs = { added: "+", removed: "-", changed: "~" } as const;

/** The difference as text: `+` gains, `-` loses, `~` changes. Rights of one caller, client and scope share a line. */
export function describeDifference({ gained, lost, entries }: PolicyDifference): string[] {
  const changed = entries.map(({ change, kind, name, members }) => {
    return `${signs[change]} ${kind} ${printable(name)}${members ? `: ${members.join(", ")}` : ""}`;
  });
  const signed = (sign: string, rights: NamedRight[]) => describeRights(rights).map((line) => `${sign} ${line}`);
  const lines = [...changed, ...signed("-", lost), ...signed("+", gained)];
  if (lines.length === 0) return ["The policies give the same rights."];
  return [...lines, `${plural(gained.length, "right")} gained, ${lost.length} lost.`];
}

const tenantsShown = 10;

/**
 * Rights as text, those of one caller, client and scope in one line: `billing as orders-app: <scope> in contoso,
 * fabrikam`.
 */
export function describeRights(rights: readonly NamedRight[]): string[] {
  const groups = Map.groupBy(rights, ({ caller, client, gets }) => JSON.stringify([caller, client, gets]));
  return [...groups.values()].map((group) => {
    const [{ caller, client, gets } = { caller: "", client: "", gets: "" }] = group;
    const tenants = group.slice(0, tenantsShown).map(({ tenant }) => printable(tenant));
    const more = group.length > tenantsShown ? ` and ${group.length - tenantsShown} more` : "";
    return `${printable(caller)} as ${printable(client)}: ${printable(gets, 512)} in ${tenants.join(", ")}${more}`;
  });
}
