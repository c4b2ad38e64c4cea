import type { Ask, GrantRefusal } from "../../domain/policy/access-policy.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import { applicationIdOf, isMicrosoftApplication } from "../../domain/policy/grantable.ts";
import type { Suspensions } from "../../domain/policy/suspensions.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import type { EntryKind } from "./find-entry.ts";

/**
 * The entries that a request is about. An entry that is not in the policy has the name with which it would be added.
 */
export type Subjects = Record<EntryKind, { name: string; id: Guid }>;

export interface Question {
  ask: Ask;
  homeTenantId: Guid;
}

/** One reason why a request is refused, and the change of the policy that removes it. */
export interface Obstacle {
  because: GrantRefusal["because"];
  words: string;
  change?: PolicyChange;
  /** Set if no change can be printed. Returns the documents without the obstacle, to find further ones. */
  assume?: (documents: Documents) => Documents;
}

/** The documents that decide: the policy, and the suspensions beside it. */
export interface Documents {
  document: PolicyDocument;
  suspensions: Suspensions;
}

interface PolicyChange {
  lines: readonly string[];
  json:
    | { add: string; entry: object }
    | { set: string; name: string; state: "active" }
    | { resume: EntryKind; id: Guid };
  applyTo(documents: Documents): Documents;
}

/**
 * The obstacle behind a reason. Exhaustive: with a new reason of the domain this does not compile until it is explained
 * here.
 */
export function obstacleOf(
  because: GrantRefusal["because"],
  question: Question,
  subjects: Subjects,
  suspensions: Suspensions,
): Obstacle {
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
      return suspendedObstacle(because, "caller", caller, suspensions);
    case "caller_azp_mismatch":
      return { because, words: `the token of the caller ${caller.name} has another azp than the policy` };
    case "client_unknown":
      return {
        because,
        words:
          `no client has the client id ${client.id}. It needs a certificate first: keyhold client add-certificate ` +
          "makes one, and keyhold client add adds the client",
        assume: withClient(client),
      };
    case "client_suspended":
      return suspendedObstacle(because, "client", client, suspensions);
    case "tenant_unknown":
      return {
        because,
        words: `no tenant has the id ${tenant.id}. Add to tenants:`,
        change: addition("tenants", { name: tenant.name, tenantId: tenant.id, state: "active" }),
      };
    case "tenant_suspended":
      return suspendedObstacle(because, "tenant", tenant, suspensions);
    case "home_tenant_resource":
      return homeObstacle(because, question.ask);
    case "no_grant":
      return {
        because,
        words: "no grant allows this. Add to grants:",
        change: addition("grants", missingGrant(question.ask, subjects)),
      };
  }
}

function homeObstacle(because: GrantRefusal["because"], ask: Ask): Obstacle {
  if (ask.issues === "assertion") {
    const words = "an assertion for the home tenant can be redeemed at Microsoft Graph, and is never granted";
    return { because, words };
  }
  const id = applicationIdOf(ask.scope);
  if (id === undefined || isMicrosoftApplication(id)) {
    const words =
      "in the home tenant only APIs of your own are granted, by <application id>/.default: with a token for " +
      "a Microsoft API, its holder could add a credential of their own to the application, or take over the vault";
    return { because, words };
  }
  return {
    because,
    words: "in the home tenant only APIs of your own are granted. If this is one, add to homeApis:",
    change: addition("homeApis", { name: `api-${id.slice(0, 8)}`, applicationId: id }),
  };
}

function missingGrant(ask: Ask, { caller, client, tenant }: Subjects) {
  const grant = { caller: caller.name, client: client.name, tenants: [tenant.name] };
  if (ask.issues === "token") return { ...grant, scopes: [ask.scope as string], issues: ["token" as const] };
  return { ...grant, scopes: [], issues: ["assertion" as const] };
}

type ListName = "tenants" | "callers" | "grants" | "homeApis";

function addition<L extends ListName>(list: L, entry: PolicyDocument[L][number]): PolicyChange {
  return {
    lines: JSON.stringify(entry, undefined, 2).split("\n"),
    json: { add: list, entry },
    applyTo: ({ document, suspensions }) => ({
      document: { ...document, [list]: [...document[list], entry] },
      suspensions,
    }),
  };
}

/** Adds the client as a trial, with the certificates of another client, because nothing is signed. */
function withClient({ name, id }: Subjects["client"]): (documents: Documents) => Documents {
  return ({ document, suspensions }) => {
    const certificates = document.clients.find((each) => each.certificates)?.certificates;
    const managedIdentityFederation = { identityClientId: id, identityObjectId: id };
    const credential = certificates ? { certificates } : { managedIdentityFederation };
    const client = { name, clientId: id, state: "active" as const, ...credential };
    return { document: { ...document, clients: [...document.clients, client] }, suspensions };
  };
}

const listOf = { tenant: "tenants", caller: "callers", client: "clients" } as const;

/**
 * Policy or suspensions can suspend an entry. The suspensions are handled first, because they are quicker to change.
 */
function suspendedObstacle(
  because: GrantRefusal["because"],
  kind: EntryKind,
  subject: Subjects[EntryKind],
  suspensions: Suspensions,
): Obstacle {
  const what = `the ${kind} ${subject.name} is suspended`;
  if (suspensions[kind].has(subject.id)) {
    return { because, words: `${what} beside the policy. To resume it:`, change: resume(kind, subject) };
  }
  return { because, words: `${what} by the policy. Set in its entry:`, change: activate(kind, subject) };
}

function resume(kind: EntryKind, { name, id }: Subjects[EntryKind]): PolicyChange {
  return {
    lines: [`keyhold ${kind} resume ${/^[\w.-]+$/.test(name) ? name : id}`],
    json: { resume: kind, id },
    applyTo({ document, suspensions }) {
      const others = new Set([...suspensions[kind]].filter((each) => each !== id));
      return { document, suspensions: { ...suspensions, [kind]: others } };
    },
  };
}

function activate(kind: EntryKind, { name }: Subjects[EntryKind]): PolicyChange {
  const list = listOf[kind];
  return {
    lines: ['"state": "active"'],
    json: { set: list, name, state: "active" },
    applyTo({ document, suspensions }) {
      const entries = document[list].map((entry) => (entry.name === name ? { ...entry, state: "active" } : entry));
      return { document: { ...document, [list]: entries }, suspensions };
    },
  };
}
