import type { Guid } from "../shared/guid.ts";
import type { AccessPolicy } from "./access-policy.ts";

/**
 * The kill switch: entries that are refused even if the policy allows them. It is a separate document, so that it works
 * while the policy is broken. It refers to everything by id, so that it does not depend on names in the policy.
 */
export interface SuspensionsDocument {
  version: 1;
  suspensions: Suspension[];
}

export const suspendedKinds = ["tenant", "caller", "client"] as const;
export type SuspendedKind = (typeof suspendedKinds)[number];

export interface Suspension {
  kind: SuspendedKind;
  /** Tenant id, object id of a caller, or client id. */
  id: Guid;
  /** Who suspended it, if the command line knew. */
  by: string;
  /** RFC 3339. */
  at: string;
  reason?: string | undefined;
}

/** The suspended ids, by kind. */
export type Suspensions = Readonly<Record<SuspendedKind, ReadonlySet<Guid>>>;

/** Compiles the document into sets of ids, by kind. */
export function compileSuspensions({ suspensions }: Pick<SuspensionsDocument, "suspensions">): Suspensions {
  const idsOf = (kind: SuspendedKind) => new Set(suspensions.filter((each) => each.kind === kind).map(({ id }) => id));
  return { tenant: idsOf("tenant"), caller: idsOf("caller"), client: idsOf("client") };
}

export const suspendsNothing = compileSuspensions({ suspensions: [] });

/**
 * The policy, with every entry suspended that the policy or the suspensions suspend. An id that the policy lacks has no
 * effect.
 */
export function withSuspensions(policy: AccessPolicy, suspensions: Suspensions): AccessPolicy {
  if (suspendedKinds.every((kind) => suspensions[kind].size === 0)) return policy;
  return {
    ...policy,
    tenants: suspendIn(policy.tenants, suspensions.tenant),
    callers: suspendIn(policy.callers, suspensions.caller),
    clients: suspendIn(policy.clients, suspensions.client),
  };
}

function suspendIn<R extends { isActive: boolean }>(rules: ReadonlyMap<Guid, R>, ids: ReadonlySet<Guid>) {
  const suspended = new Map(rules);
  for (const id of ids) {
    const rule = rules.get(id);
    if (rule) suspended.set(id, { ...rule, isActive: false });
  }
  return suspended;
}
