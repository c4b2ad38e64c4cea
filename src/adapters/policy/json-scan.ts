import { atOnce, type Steps } from "../../domain/shared/steps.ts";

/** The positions of the values in a JSON text, or of the first syntax error. `JSON.parse` reports neither. */
export type JsonScan =
  | {
      isJson: true;
      /** Offset of each value by its path, such as `grants[0].caller`. The whole text has the empty path. */
      offsets: ReadonlyMap<string, number>;
      /** Paths of duplicate keys. Only the last one counts. */
      repeated: readonly string[];
    }
  | { isJson: false; offset: number; rule: string };

/** RFC 8259 §7 and §6: a string; a number or literal. */
const stringToken = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const scalarToken = /(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![\w.+-])/y;
const space = /[ \t\r\n]*/y;
/** Our documents are less deep. Deeper ones are rejected. */
const maxDepth = 64;

class Stop extends Error {
  readonly offset: number;
  constructor(offset: number, rule: string) {
    super(rule);
    this.offset = offset;
  }
}

/** Scans a text without a byte order mark. Of duplicate keys the last one counts, as for `JSON.parse`. */
export function scanJson(text: string): JsonScan {
  return atOnce(scanSteps(text));
}

/** The same, one value at a time. */
export function* scanSteps(text: string): Steps<JsonScan> {
  const offsets = new Map<string, number>();
  const repeated: string[] = [];
  let at = 0;

  const match = (token: RegExp): string | undefined => {
    token.lastIndex = at;
    const found = token.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  /** The next character that is not white space; empty at the end. */
  const peek = (): string => {
    match(space);
    return text.charAt(at);
  };
  const take = (character: string): boolean => {
    if (peek() !== character) return false;
    at += 1;
    return true;
  };
  const stop = (rule: string): never => {
    throw new Stop(
      at,
      peek() === "/" ? "comments are not JSON: remove it" : at === text.length ? `ends too early: ${rule}` : rule,
    );
  };

  function* readValue(path: string, depth: number): Steps<void> {
    yield;
    const next = peek();
    offsets.set(path, at);
    if (depth > maxDepth) stop("is nested too deeply");
    if (next === "{") yield* readMembers("}", () => readMember(path, depth));
    else if (next === "[") {
      let index = 0;
      yield* readMembers("]", () => readValue(`${path}[${index++}]`, depth + 1));
    } else if (next === '"') readText();
    else if (match(scalarToken) === undefined) stop("a value is expected here; texts need double quotes");
  }

  function* readMembers(end: "}" | "]", readOne: () => Steps<void>): Steps<void> {
    at += 1;
    if (take(end)) return;
    for (;;) {
      yield* readOne();
      if (take(end)) return;
      if (!take(",")) stop(`a comma or ${end} is expected here`);
      if (peek() === end) stop(`there must be no comma before ${end}`);
    }
  }

  function* readMember(path: string, depth: number): Steps<void> {
    if (peek() !== '"') stop("a key in double quotes is expected here");
    const key = readText();
    if (!take(":")) stop("a colon is expected here, after the key");
    // The empty path stands for the whole text, so an empty key needs another path.
    const own = path === "" ? key || "." : `${path}.${key}`;
    if (offsets.has(own)) repeated.push(own);
    yield* readValue(own, depth + 1);
  }

  function readText(): string {
    const found =
      match(stringToken) ?? stop("the text that begins here does not end, or has a line break or a wrong escape");
    return JSON.parse(found) as string;
  }

  try {
    yield* readValue("", 0);
    if (peek() !== "") stop("nothing may follow the document");
    return { isJson: true, offsets, repeated };
  } catch (error) {
    if (error instanceof Stop) return { isJson: false, offset: error.offset, rule: error.message };
    throw error;
  }
}

/**
 * Converts offsets of a text to line and column, both counted from 1. Columns count UTF-16 units, as editors do. Lines
 * are found once, because a large text may have many problems.
 */
export function positionsIn(text: string): (offset: number) => { line: number; column: number } {
  const starts = [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (end) => end.index + end[0].length)];
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
