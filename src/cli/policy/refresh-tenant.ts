import type { PolicyContext } from "../../domain/policy/problem.ts";
import { exitCodes, type Report } from "../command-problem.ts";
import { printable } from "../printable.ts";
import { editPolicy } from "./edit-policy.ts";
import { requireEntry } from "./find-entry.ts";
import { loadPolicy } from "./load-policy.ts";
import type { PolicyPlace } from "./policy-place.ts";

/**
 * `tenant refresh`: sets `tokensNotBefore` of a tenant to now, so that every instance discards its cached tokens for
 * the tenant.
 * @throws CommandProblem if there is no such tenant, or the policy cannot be read or changed
 */
export async function refreshTenant(
  nameOrId: string,
  { place, context, nowMs }: { place: PolicyPlace; context: PolicyContext; nowMs: number },
): Promise<Report> {
  const before = await loadPolicy(place, context);
  const entry = requireEntry(before.document, "tenant", nameOrId);
  const tokensNotBefore = new Date(nowMs).toISOString();
  const edit = { set: [entry.list, entry.index], key: "tokensNotBefore", value: tokensNotBefore };
  await editPolicy(before, [edit], { place, context });
  const lines = [
    `${entry.name} (tenant ${entry.id}) has tokensNotBefore ${tokensNotBefore} in ${printable(place.name)}.`,
    "Tokens minted earlier are discarded on every instance within 60 s; the next request mints a new one.",
    "What callers already hold stays valid until it expires.",
  ];
  if (entry.state === "suspended") lines.push("The tenant is suspended: nothing is issued for it.");
  const json = { kind: "tenant", name: entry.name, id: entry.id, tokensNotBefore, effectiveWithinSeconds: 60 };
  return { exit: exitCodes.fine, text: lines.join("\n"), json };
}
