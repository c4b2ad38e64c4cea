import type { PolicyProblem } from "../../domain/policy/problem.ts";
import { atOnce, type Steps } from "../../domain/shared/steps.ts";
import { positionsIn, scanJson, scanSteps } from "./json-scan.ts";

const byteOrderMark = "\ufeff";
/** Stands for bytes of a text that are not UTF-8. */
const undecodable = "\ufffd";

/** The text without the byte order mark that editors on Windows write. */
export function withoutMark(text: string): string {
  return text.startsWith(byteOrderMark) ? text.slice(1) : text;
}

/** The value in a text that was read as UTF-8, or why it is not JSON, with line and column. */
export function parseJson(text: string): ParsedJson {
  return atOnce(parseJsonSteps(text));
}

type ParsedJson = { value: unknown } | { problem: PolicyProblem };

/** The same in steps. Valid JSON takes one step. */
export function* parseJsonSteps(text: string): Steps<ParsedJson> {
  const wrongEncoding = encodingProblem(text);
  if (wrongEncoding) return { problem: wrongEncoding };
  const json = withoutMark(text);
  try {
    return { value: JSON.parse(json) };
  } catch {
    const scan = yield* scanSteps(json);
    if (scan.isJson) return { problem: { path: "(file)", rule: "must be JSON" } };
    return { problem: { ...positionsIn(json)(scan.offset), path: "(file)", rule: `must be JSON: ${scan.rule}` } };
  }
}

function encodingProblem(text: string): PolicyProblem | undefined {
  // UTF-16: every second byte of plain JSON is zero, and its byte order mark is not UTF-8.
  if (/^\ufffd\ufffd|^.?\0/s.test(text) && text.includes("\0")) {
    return { path: "(file)", rule: "must be UTF-8, and is UTF-16: save it as UTF-8" };
  }
  const offset = text.indexOf(undecodable);
  if (offset < 0) return undefined;
  const rule = "must be UTF-8, and has a byte here that is not: save it as UTF-8";
  return { ...positionsIn(withoutMark(text))(offset - (text.length - withoutMark(text).length)), path: "(file)", rule };
}

/**
 * Duplicate keys of a text. `JSON.parse` silently uses the last one, so a typing error could resume a suspended entry
 * or drop a list.
 */
export function repeatedKeys(text: string): PolicyProblem[] {
  const scan = scanJson(withoutMark(text));
  const rule = "is there more than once, and only the last one counts: remove the others";
  return scan.isJson
    ? locate(
        text,
        scan.repeated.map((path) => ({ path, rule })),
      )
    : [];
}

/** Adds line and column to the problems: of the value that each is about, or of the nearest value around it. */
export function locate(text: string, problems: readonly LocatableProblem[]): PolicyProblem[] {
  return atOnce(locateSteps(text, problems));
}

/** The same in steps. */
export function* locateSteps(text: string, problems: readonly LocatableProblem[]): Steps<PolicyProblem[]> {
  const json = withoutMark(text);
  const scan = yield* scanSteps(json);
  if (!scan.isJson) return problems.map(({ path, rule }) => ({ path, rule }));
  const positionOf = positionsIn(json);
  const located: PolicyProblem[] = [];
  for (const { path, rule, at = path } of problems) {
    yield;
    // The parent of what is not in the text, such as "(file)", and at last the whole.
    let place = at;
    while (!scan.offsets.has(place)) place = place.replace(/(^|\.)[^.]*$/, "");
    located.push({ ...positionOf(scan.offsets.get(place) ?? 0), path, rule });
  }
  return located;
}

/** `at`: the path of what to look at, where that is not `path` itself. */
export type LocatableProblem = PolicyProblem & { at?: string };
