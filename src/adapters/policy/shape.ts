import type * as z from "zod";
import type { PolicyProblem } from "../../domain/policy/problem.ts";
import { type LocatableProblem, locate, parseJson } from "./text.ts";

/** The document in a JSON text, or all problems of its shape, by path. Never repeats a value. */
export function parseDocument<T>(text: string, schema: z.ZodType<T>): T | PolicyProblem[] {
  const json = parseJson(text);
  if ("problem" in json) return [json.problem];
  const parsed = schema.safeParse(json.value);
  return parsed.success ? parsed.data : locate(text, shapeProblems(parsed.error.issues));
}

/** One problem for each issue. An unknown key is reported at the object that has it, and located at the key. */
export function shapeProblems(issues: readonly z.core.$ZodIssue[]): LocatableProblem[] {
  return issues.map((issue) => {
    const path = pathOf(issue.path);
    const [key] = issue.code === "unrecognized_keys" ? issue.keys : [];
    return { path, rule: ruleOf(issue), ...(key !== undefined && { at: pathOf([...issue.path, key]) }) };
  });
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  return text === "" ? "(file)" : text.replace(/^\./, "");
}

/** Our own text for an issue, because zod's messages may contain the value. */
function ruleOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be of type ${issue.expected}, and present`;
    case "unrecognized_keys":
      return `must not have the unknown key ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`;
    case "invalid_value":
      return `must be one of ${issue.values.join(", ")}`;
    case "invalid_union":
      return 'must be a list of names or "all-active"';
    case "too_small":
      return "must not be empty";
    case "invalid_format":
    case "custom":
      return issue.message;
    default:
      return "has not the form that it must have";
  }
}
