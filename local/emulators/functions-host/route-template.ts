/** Route templates: parsing them and matching the segments of a path against them. */

export type Segment =
  | { kind: "literal"; text: string }
  | { kind: "parameter"; name: string; optional: boolean; constraint: Constraint | undefined }
  | { kind: "rest"; name: string };

interface Constraint {
  pattern: RegExp;
  /** A value that satisfies the constraint. */
  sample: string;
}

const constraints: Record<string, Constraint> = {
  int: { pattern: /^[+-]?\d{1,10}$/, sample: "1" },
  long: { pattern: /^[+-]?\d{1,19}$/, sample: "1" },
  bool: { pattern: /^(true|false)$/i, sample: "true" },
  alpha: { pattern: /^[a-z]*$/i, sample: "x" },
  guid: {
    pattern: /^([\da-f]{32}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\{[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\})$/i,
    sample: "00000000-0000-0000-0000-000000000000",
  },
};

export function parseTemplate(template: string): Segment[] {
  if (template === "") return [];
  const segments = template.split("/").map((text) => parseSegment(template, text));
  const misplaced = segments.slice(0, -1).some(({ kind }) => kind === "rest");
  if (misplaced) throw new Error(`route "${template}": a catch-all is possible only at the end`);
  return segments;
}

function parseSegment(template: string, text: string): Segment {
  if (!/[{}]/.test(text)) return { kind: "literal", text: text.toLowerCase() };
  const rest = /^\{\*{1,2}(?<name>\w+)\}$/.exec(text)?.groups?.name;
  if (rest !== undefined) return { kind: "rest", name: rest };
  const groups = /^\{(?<name>\w+)(?::(?<constraint>\w+))?(?<optional>\?)?\}$/.exec(text)?.groups;
  const constraint = groups?.constraint ? constraints[groups.constraint.toLowerCase()] : undefined;
  if (groups?.name === undefined || (groups.constraint && !constraint)) {
    throw new Error(`route "${template}": this host does not support the segment "${text}"`);
  }
  return { kind: "parameter", name: groups.name, optional: groups.optional === "?", constraint };
}

/** A key that sorts templates as text from the most to the least literal, segment by segment. */
export function precedenceOf(segments: readonly Segment[]): string {
  return segments
    .map((segment) => (segment.kind === "literal" ? 1 : segment.kind === "rest" ? 4 : segment.constraint ? 2 : 3))
    .join("");
}

/** The parameters if the path matches. An optional parameter that the path omits is omitted here too. */
export function matchSegments(
  template: readonly Segment[],
  path: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  let index = 0;
  for (const segment of template) {
    if (segment.kind === "rest") {
      if (path.length > index) params[segment.name] = path.slice(index).join("/");
      return params;
    }
    const value = path[index];
    index += 1;
    if (value === undefined) {
      if (segment.kind === "parameter" && segment.optional) continue;
      return undefined;
    }
    if (segment.kind === "literal") {
      if (value.toLowerCase() !== segment.text) return undefined;
    } else {
      if (value === "" || segment.constraint?.pattern.test(value) === false) return undefined;
      params[segment.name] = value;
    }
  }
  return path.length > template.length ? undefined : params;
}

/** Paths that match a template: one with its optional segments and, if it has any, one without the last of them. */
export function samplePaths(template: readonly Segment[]): string[] {
  const required = template.findLastIndex((segment) => segment.kind !== "parameter" || !segment.optional) + 1;
  const lengths = required < template.length ? [template.length, required] : [template.length];
  return lengths.map((length) => `/${template.slice(0, length).map(sampleSegment).join("/")}`);
}

function sampleSegment(segment: Segment): string {
  if (segment.kind === "literal") return segment.text;
  return segment.kind === "parameter" && segment.constraint ? segment.constraint.sample : "x";
}
