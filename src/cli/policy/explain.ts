import { type Ask, authorize, type GrantRefusal } from "../../domain/policy/access-policy.ts";
import { compilePolicy } from "../../domain/policy/compile.ts";
import type { PolicyContext, PolicyProblem } from "../../domain/policy/problem.ts";
import { withSuspensions } from "../../domain/policy/suspensions.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { type Documents, type Obstacle, obstacleOf, type Question, type Subjects } from "./obstacle.ts";

/**
 * `explain`: reports whether a request would be allowed, or everything that prevents it. The domain's `authorize`
 * decides. Each obstacle that it reports is removed in a copy of policy and suspensions, and it is called again, even
 * if no change can be printed for that obstacle. So the list is complete, and the printed changes have been tested.
 */
export function explain(before: Documents, question: Question, subjects: Subjects, context: PolicyContext): Report {
  const obstacles: Obstacle[] = [];
  let documents = before;
  for (;;) {
    const verdict = evaluate(documents, question, subjects, context);
    if (verdict === "allowed") return report(question, obstacles);
    const obstacle = obstacleOf(verdict, question, subjects, documents.suspensions);
    const isKnown = obstacles.some(({ words }) => words === obstacle.words);
    if (isKnown) throw new TypeError("what was to take an obstacle away did not");
    obstacles.push(obstacle);
    const next = obstacle.change?.applyTo ?? obstacle.assume;
    if (!next) return report(question, obstacles);
    documents = next(documents);
  }
}

function evaluate(
  { document, suspensions }: Documents,
  { ask }: Question,
  { caller, client, tenant }: Subjects,
  context: PolicyContext,
): GrantRefusal["because"] | "allowed" {
  const compiled = compilePolicy(document, context);
  if (Array.isArray(compiled)) throw doesNotFit(compiled);
  const policy = withSuspensions(compiled, suspensions);
  // The caller's token is not available, so it is assumed to be the one that the policy expects.
  const azp = policy.callers.get(caller.id)?.azp;
  const verified = { tenantId: context.homeTenantId, objectId: caller.id, azp };
  const request = { clientId: client.id, tenantId: tenant.id, ...(ask as Ask) };
  const authorization = authorize(policy, verified, request);
  return authorization.ok ? "allowed" : authorization.refusal.because;
}

/**
 * The problem if the changes make the policy invalid. For example, the name of the new entry already belongs to another
 * one.
 */
function doesNotFit(problems: readonly PolicyProblem[]): CommandProblem {
  return new CommandProblem("wrong", "The request cannot be expressed in the policy", {
    where: "--caller, --client, --tenant",
    remedy: "give names or ids of entries",
    details: problems.map(({ path, rule }) => `${path}: ${rule}`),
  });
}

function report({ ask }: Question, obstacles: readonly Obstacle[]): Report {
  const isSufficient = obstacles.every(({ change }) => change);
  const json = {
    allowed: obstacles.length === 0,
    because: obstacles.map(({ because }) => because),
    changes: obstacles.flatMap(({ change }) => (change ? [change.json] : [])),
    changesSuffice: isSufficient,
  };
  if (obstacles.length === 0) {
    const what = ask.issues === "token" ? `a token for ${ask.scope}` : "an assertion";
    return { exit: exitCodes.fine, text: `Allowed: the caller gets ${what}.`, json };
  }
  const lines = obstacles.flatMap(({ because, words, change }) => [
    `- ${because}: ${words}`,
    ...(change ? change.lines.map((line) => `    ${line}`) : []),
  ]);
  const end = isSufficient ? ["With this change it would be allowed."] : [];
  return { exit: exitCodes.wrong, text: ["Refused:", ...lines, ...end].join("\n"), json };
}
