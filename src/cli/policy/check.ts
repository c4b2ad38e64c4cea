import { compilePolicyText } from "../../adapters/policy/compile-text.ts";
import { repeatedKeys } from "../../adapters/policy/text.ts";
import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { PolicyContext, PolicyProblem } from "../../domain/policy/problem.ts";
import { exitCodes, type Report } from "../command-problem.ts";
import { plural, printable } from "../printable.ts";
import { describeProblems, readPolicyText } from "./load-policy.ts";
import type { PolicyPlace } from "./policy-place.ts";

/** `policy check`: reports all problems of a policy, or a summary of it. Changes nothing. */
export async function checkPolicy(place: PolicyPlace, context: PolicyContext): Promise<Report> {
  const { text, etag } = await readPolicyText(place);
  const compiled = compilePolicyText(text, context);
  const where = printable(place.name);
  if ("problems" in compiled) {
    const { problems } = compiled;
    const lines = bullets(problems);
    return {
      exit: exitCodes.wrong,
      text: [
        `${plural(problems.length, "problem")} in ${where}; Keyhold would keep its last valid policy:`,
        ...lines,
      ].join("\n"),
      json: { valid: false, where: place.name, problems },
    };
  }
  const summary = summaryOf(compiled.policy, compiled.document.grants.length);
  const lines = Object.entries(summary).map(([what, { active, suspended }]) => {
    return `  ${what.padEnd(8)} ${active}${suspended > 0 ? `, and ${suspended} suspended` : ""}`;
  });
  const { withheld } = compiled.policy;
  const repeated = repeatedKeys(text);
  const refused = withheld.length > 0 ? withheldLines(compiled.policy, compiled.document) : [];
  const twice = repeated.length > 0 ? ["But it has keys more than once:", ...bullets(repeated)] : [];
  return {
    exit: withheld.length + repeated.length > 0 ? exitCodes.wrong : exitCodes.fine,
    text: [`Valid: ${where}`, ...lines, ...refused, ...twice].join("\n"),
    json: { valid: true, where: place.name, etag, summary, withheld, repeated },
  };
}

const bullets = (problems: readonly PolicyProblem[]) => describeProblems(problems).map((line) => `  - ${line}`);

/** Lines about withheld scopes. Earlier versions granted these, so operators should know before they upgrade. */
function withheldLines({ withheld }: AccessPolicy, { grants }: PolicyDocument): string[] {
  const lines = withheld.map(({ path, rule }) => {
    const grant = grants[Number(/^grants\[(\d+)\]/.exec(path)?.[1])];
    const whose = grant ? ` (${printable(grant.caller)} as ${printable(grant.client)})` : "";
    return `  - ${printable(path)}${whose}: ${printable(rule, 400)}`;
  });
  return [
    `But ${plural(withheld.length, "scope")} of its grants ${withheld.length === 1 ? "is" : "are"} refused:`,
    ...lines,
  ];
}

function summaryOf(policy: AccessPolicy, grants: number) {
  const count = (rules: ReadonlyMap<unknown, { isActive: boolean }>) => {
    const active = [...rules.values()].filter(({ isActive }) => isActive).length;
    return { active, suspended: rules.size - active };
  };
  return {
    clients: count(policy.clients),
    tenants: count(policy.tenants),
    callers: count(policy.callers),
    grants: { active: grants, suspended: 0 },
  };
}
