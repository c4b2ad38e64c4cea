/**
 * Changes one place of a JSON text and leaves every other character as its author wrote it. Reads only text that
 * `JSON.parse` has accepted. Of keys that are there twice the last one counts, as it does there.
 */
interface JsonNode {
  start: number;
  /** Behind the last character. */
  end: number;
  members: { key: string; keyStart: number; value: JsonNode }[];
  items: JsonNode[];
}

type JsonPath = readonly (string | number)[];

/** Gives the member of an object a value; one that is not there yet comes last, in the manner of the one before. */
export function setMember(text: string, path: JsonPath, key: string, value: string): string {
  const object = nodeAt(text, path);
  const member = object.members.findLast((each) => each.key === key);
  if (member) return splice(text, member.value.start, member.value.end, JSON.stringify(value));
  const last = object.members.at(-1);
  const added = `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
  if (!last) return splice(text, object.start, object.end, `{ ${added} }`);
  return splice(text, last.value.end, last.value.end, `,${spaceBefore(text, last.keyStart)}${added}`);
}

/** Adds an element to the end of an array that has at least one. */
export function appendItem(text: string, path: JsonPath, value: unknown): string {
  const last = nodeAt(text, path).items.at(-1);
  if (!last) throw new RangeError("the array is empty");
  const space = spaceBefore(text, last.start);
  const line = space.lastIndexOf("\n");
  if (line < 0) return splice(text, last.end, last.end, `,${space}${JSON.stringify(value)}`);
  const indent = space.slice(line + 1);
  const unit = /\n([ \t]+)/.exec(text)?.[1] ?? "  ";
  const newline = space.includes("\r\n") ? "\r\n" : "\n";
  const written = JSON.stringify(value, undefined, unit).replaceAll("\n", `${newline}${indent}`);
  return splice(text, last.end, last.end, `,${space}${written}`);
}

function splice(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function spaceBefore(text: string, position: number): string {
  return /\s*$/.exec(text.slice(Math.max(0, position - 256), position))?.[0] ?? "";
}

function nodeAt(text: string, path: JsonPath): JsonNode {
  let node = readTree(text);
  for (const step of path) {
    const next = typeof step === "number" ? node.items[step] : node.members.findLast(({ key }) => key === step)?.value;
    if (!next) throw new RangeError("the path leads nowhere");
    node = next;
  }
  return node;
}

const scalar = /"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,\]}]+/y;

function readTree(text: string): JsonNode {
  let position = 0;
  const skipSpace = () => {
    while (/\s/.test(text[position] ?? "")) position += 1;
  };
  const readScalar = (): { start: number; end: number } => {
    scalar.lastIndex = position;
    const start = position;
    position += scalar.exec(text)?.[0].length ?? text.length;
    return { start, end: position };
  };
  /** Elements up to the closing bracket, each read by `readOne`. */
  const readUntil = (close: string, readOne: () => void) => {
    position += 1;
    for (;;) {
      skipSpace();
      if (text[position] === close || position >= text.length) break;
      readOne();
      skipSpace();
      if (text[position] === ",") position += 1;
    }
    position += 1;
  };
  const readNode = (): JsonNode => {
    skipSpace();
    const node: JsonNode = { start: position, end: position, members: [], items: [] };
    if (text[position] === "{") {
      readUntil("}", () => {
        const { start, end } = readScalar();
        skipSpace();
        position += 1; // the colon
        node.members.push({ key: JSON.parse(text.slice(start, end)), keyStart: start, value: readNode() });
      });
    } else if (text[position] === "[") readUntil("]", () => node.items.push(readNode()));
    else readScalar();
    node.end = position;
    return node;
  };
  return readNode();
}
