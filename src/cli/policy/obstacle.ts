import type { Ask, GrantRefusal } from "../../domain/policy/access-policy.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import type { EntryKind } from "./find-entry.ts";

/** Who and what a request is about. An entry that the policy does not have is called as it would be added. */
export type Subjects = Record<EntryKind, { name: string; id: Guid }>;

export interface Question {
  ask: Ask;
  homeTenantId: Guid;
}

/** One reason why a request is refused, and the change of the policy that takes it away. */
export interface Obstacle {
  because: GrantRefusal["because"];
  words: string;
  change?: PolicyChange;
}

interface PolicyChange {
  lines: readonly string[];
  json: { add: string; entry: object } | { set: string; name: string; state: "active" };
  applyTo(document: PolicyDocument): PolicyDocument;
}

/** Exhaustive: a new reason of the domain does not compile until it is explained. */
export function obstacleOf(because: GrantRefusal["because"], question: Question, subjects: Subjects): Obstacle {
  const { caller, client, tenant } = subjects;
  switch (because) {
    case "caller_unknown":
      return {
        because,
        words: `no caller has the object id ${caller.id}. Add to callers:`,
        change: addition("callers", {
          name: caller.name,
          tenantId: question.homeTenantId,
          objectId: caller.id,
          state: "active",
        }),
      };
    case "caller_suspended":
      return {
        because,
        words: `the caller ${caller.name} is suspended. To let it in again:`,
        change: resume("caller", caller),
      };
    case "caller_azp_mismatch":
      return { because, words: `the caller ${caller.name} came with another azp than the policy's` };
    case "client_unknown":
      return {
        because,
        words: `no client has the client id ${client.id}: it needs a key, keyhold client add-certificate makes one`,
      };
    case "client_suspended":
      return {
        because,
        words: `the client ${client.name} is suspended. To let it in again:`,
        change: resume("client", client),
      };
    case "tenant_unknown":
      return {
        because,
        words: `no tenant has the id ${tenant.id}. Add to tenants:`,
        change: addition("tenants", { name: tenant.name, tenantId: tenant.id, state: "active" }),
      };
    case "tenant_suspended":
      return {
        because,
        words: `the tenant ${tenant.name} is suspended. To let it in again:`,
        change: resume("tenant", tenant),
      };
    case "home_tenant_graph":
      return { because, words: homeGraphWords(question.ask) };
    case "no_grant":
      return {
        because,
        words: "no grant says so. Add to grants:",
        change: addition("grants", missingGrant(question.ask, subjects)),
      };
  }
}

function homeGraphWords(ask: Ask): string {
  const whoever = "whoever does can add a credential of its own to the application, and is never granted";
  if (ask.issues === "token") return `Microsoft Graph in the home tenant is not reached through Keyhold: ${whoever}`;
  return `an assertion for the home tenant can be redeemed at Microsoft Graph: ${whoever}`;
}

function missingGrant(ask: Ask, { caller, client, tenant }: Subjects) {
  const grant = { caller: caller.name, client: client.name, tenants: [tenant.name] };
  if (ask.issues === "token") return { ...grant, scopes: [ask.scope as string], issues: ["token" as const] };
  return { ...grant, scopes: [], issues: ["assertion" as const] };
}

type ListName = "tenants" | "callers" | "grants";

function addition<L extends ListName>(list: L, entry: PolicyDocument[L][number]): PolicyChange {
  return {
    lines: JSON.stringify(entry, undefined, 2).split("\n"),
    json: { add: list, entry },
    applyTo: (document) => ({ ...document, [list]: [...document[list], entry] }),
  };
}

const listOf = { tenant: "tenants", caller: "callers", client: "clients" } as const;

function resume(kind: EntryKind, { name, id }: { name: string; id: Guid }): PolicyChange {
  const list = listOf[kind];
  return {
    lines: [`keyhold ${kind} resume ${/^[\w.-]+$/.test(name) ? name : id}`],
    json: { set: list, name, state: "active" },
    applyTo: (document) => ({
      ...document,
      [list]: document[list].map((entry) => (entry.name === name ? { ...entry, state: "active" } : entry)),
    }),
  };
}
