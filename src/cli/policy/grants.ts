import { isDeepStrictEqual } from "node:util";
import type { GrantDocument } from "../../domain/policy/document.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { printable } from "../printable.ts";
import { describeRights, type NamedRight, namedRightsOf } from "./difference.ts";
import { type Edit, type EditTarget, editPolicy } from "./edit-policy.ts";
import { editReport, removalsOf } from "./entries.ts";
import { requireEntry } from "./find-entry.ts";
import { describeProblems, type LoadedPolicy, loadPolicy } from "./load-policy.ts";

/** Selects grants, by names or ids, as operators give them. */
export interface GrantOptions {
  caller: string;
  client: string;
  tenant?: string[];
  allActive?: true;
  scope?: string[];
  assertion?: true;
}

/**
 * `grant add`: adds a separate entry. If everything is granted already, it succeeds and writes nothing.
 * @throws CommandProblem if a name is unknown, the home tenant would refuse it, or the policy cannot be changed
 */
export async function addGrant(options: GrantOptions, target: EditTarget): Promise<Report> {
  const before = await loadPolicy(target.place, target.context);
  const { caller, client, tenants } = namesOf(before, options);
  if (!options.allActive && tenants.length === 0) throw usage("--tenant", "name tenants, or give --all-active");
  const { scope: scopes = [], assertion } = options;
  if (scopes.length === 0 && !assertion) throw usage("--scope", "give <resource>/.default, or --assertion");
  const issues: GrantDocument["issues"] = [
    ...(scopes.length > 0 ? (["token"] as const) : []),
    ...(assertion ? (["assertion"] as const) : []),
  ];
  const grant: GrantDocument = { caller, client, tenants: options.allActive ? "all-active" : tenants, scopes, issues };
  const append = { append: ["grants"], value: grant };
  const { after } = await editPolicy(before, [append], { ...target, dryRun: true });
  const { withheld } = after.policy;
  if (withheld.length > before.policy.withheld.length) {
    throw new CommandProblem("wrong", "The home tenant would refuse a scope of it: nothing was changed", {
      where: printable(target.place.name),
      remedy: "list an API of your own in homeApis first, and ask for it by its application id",
      details: describeProblems(withheld.slice(before.policy.withheld.length)),
    });
  }
  if (isDeepStrictEqual(after.policy.grants, before.policy.grants)) {
    const text = `It is granted in ${printable(target.place.name)} already: nothing was changed.`;
    return { exit: exitCodes.fine, text, json: { grant, written: false } };
  }
  return editReport("The grant is added", { grant }, await editPolicy(before, [append], target), target);
}

/**
 * `grant remove`: removes these tenants, scopes or assertions from every grant of the caller and client; if none is
 * named, all of them. A grant that covers more keeps the rest.
 * @throws CommandProblem if nothing is granted, a tenant is covered by `all-active` only, or the policy cannot be
 * changed
 */
export async function removeGrant(options: GrantOptions, target: EditTarget): Promise<Report> {
  const before = await loadPolicy(target.place, target.context);
  const names = namesOf(before, options);
  const isNarrowed = options.scope !== undefined || options.assertion === true;
  const what: Selection = {
    tenants: options.allActive ? "all-active" : names.tenants.length > 0 ? names.tenants : "any",
    scopes: isNarrowed ? (options.scope ?? []) : "any",
    assertion: !isNarrowed || options.assertion === true,
  };
  // From the last grant to the first, so that no edit changes the index of a later one.
  const edits = [...before.document.grants.entries()].reverse().flatMap(([i, grant]) => {
    return grant.caller === names.caller && grant.client === names.client ? grantEdits(grant, i, what) : [];
  });
  if (edits.length === 0) {
    throw new CommandProblem("wrong", "No grant gives this by name: nothing was changed", {
      where: printable(target.place.name),
      remedy: 'one for "all-active" is taken back as a whole, with --all-active; a tenant alone is suspended',
    });
  }
  const { after } = await editPolicy(before, edits, { ...target, dryRun: true });
  const left = namedRightsOf(after.policy).filter((right) => isSelected(right, names, what));
  if (left.length > 0) {
    throw new CommandProblem("wrong", "A grant for all active tenants would still give it: nothing was changed", {
      where: printable(target.place.name),
      remedy: "revoke that one with --all-active and grant the other tenants by name, or suspend the tenant",
      details: describeRights(left),
    });
  }
  return editReport("The grant is removed", { ...names }, await editPolicy(before, edits, target), target);
}

interface Selection {
  tenants: readonly string[] | "all-active" | "any";
  scopes: readonly string[] | "any";
  assertion: boolean;
}

function namesOf({ document }: LoadedPolicy, { caller, client, tenant = [] }: GrantOptions) {
  return {
    caller: requireEntry(document, "caller", caller).name,
    client: requireEntry(document, "client", client).name,
    tenants: tenant.map((each) => requireEntry(document, "tenant", each).name),
  };
}

function isSelected(right: NamedRight, names: { caller: string; client: string }, { tenants, ...what }: Selection) {
  if (right.caller !== names.caller || right.client !== names.client) return false;
  // Grants for named tenants stay when the grant for all active tenants is removed.
  if (tenants === "all-active" || (tenants !== "any" && !tenants.includes(right.tenant))) return false;
  return right.gets === "assertion" ? what.assertion : what.scopes === "any" || what.scopes.includes(right.gets);
}

/**
 * The edits that reduce one grant to what is not selected. If both tenants and scopes remain, it becomes two grants:
 * the other tenants with everything, and these tenants with the rest.
 */
function grantEdits(grant: GrantDocument, index: number, what: Selection): Edit[] {
  const path = ["grants", index];
  const tenants = selectedTenants(grant, what);
  const lostScopes = grant.scopes.filter((each) => what.scopes === "any" || what.scopes.includes(each));
  const scopes = grant.scopes.filter((each) => !lostScopes.includes(each));
  const issues = grant.issues.filter((each) => (each === "token" ? scopes.length > 0 : !what.assertion));
  const losesNothing = lostScopes.length === 0 && issues.length === grant.issues.length;
  if (tenants.length === 0 || losesNothing) return [];
  if (tenants !== "all") {
    const rest = { ...grant, tenants, scopes, issues };
    const kept: Edit[] = issues.length > 0 ? [{ append: ["grants"], value: rest }] : [];
    return [...removalsOf(grant.tenants as string[], tenants, [...path, "tenants"]), ...kept];
  }
  if (issues.length === 0) return [{ remove: path }];
  const lostIssues = grant.issues.filter((each) => !issues.includes(each));
  return [
    ...removalsOf(grant.scopes, lostScopes, [...path, "scopes"]),
    ...removalsOf(grant.issues, lostIssues, [...path, "issues"]),
  ];
}

/** The selected tenants of a grant. A single tenant cannot be removed from `all-active`. */
function selectedTenants(grant: GrantDocument, { tenants }: Selection): readonly string[] | "all" {
  if (grant.tenants === "all-active") return tenants === "any" || tenants === "all-active" ? "all" : [];
  const selected = grant.tenants.filter((each) => tenants === "any" || tenants.includes(each));
  return selected.length === grant.tenants.length ? "all" : selected;
}

function usage(option: string, remedy: string): CommandProblem {
  return new CommandProblem("usage", `${option} is not usable here`, { where: option, remedy });
}
