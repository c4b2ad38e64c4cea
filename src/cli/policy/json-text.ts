import { type Node, parseTree } from "jsonc-parser";

/**
 * Changes one place of a JSON text and leaves every other character as its author wrote it: the package's own `modify`
 * reformats the whole line, and of keys that are there twice it changes the first. Here the last one counts, as for
 * `JSON.parse`, which must have accepted the text.
 */
type JsonPath = readonly (string | number)[];

/**
 * Sets the member `key` of the object at `path`; a new one is added as the last, spaced like the one before it.
 * @throws RangeError where the path leads to no object.
 */
export function setMember(text: string, path: JsonPath, key: string, value: string): string {
  const object = nodeAt(text, path);
  const existing = memberOf(object, key);
  if (existing) return splice(text, existing.offset, endOf(existing), JSON.stringify(value));
  const last = object.children?.at(-1);
  const added = `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
  if (!last) return splice(text, object.offset, endOf(object), `{ ${added} }`);
  return splice(text, endOf(last), endOf(last), `,${spaceBefore(text, last.offset)}${added}`);
}

/**
 * Adds an element to the end of the array at `path`, indented like the one before it.
 * @throws RangeError where the path leads to no array, or to an empty one.
 */
export function appendItem(text: string, path: JsonPath, value: unknown): string {
  const last = nodeAt(text, path).children?.at(-1);
  if (!last) throw new RangeError("the array is empty");
  const space = spaceBefore(text, last.offset);
  const line = space.lastIndexOf("\n");
  if (line < 0) return splice(text, endOf(last), endOf(last), `,${space}${JSON.stringify(value)}`);
  const indent = space.slice(line + 1);
  const unit = /\n([ \t]+)/.exec(text)?.[1] ?? "  ";
  const newline = space.includes("\r\n") ? "\r\n" : "\n";
  const written = JSON.stringify(value, undefined, unit).replaceAll("\n", `${newline}${indent}`);
  return splice(text, endOf(last), endOf(last), `,${space}${written}`);
}

function splice(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

function spaceBefore(text: string, position: number): string {
  return /\s*$/.exec(text.slice(Math.max(0, position - 256), position))?.[0] ?? "";
}

function nodeAt(text: string, path: JsonPath): Node {
  // A byte order mark is no JSON; a space in its place keeps every offset.
  let node = parseTree(text.replace(/^\ufeff/, " "));
  for (const step of path) {
    node = node && (typeof step === "number" ? node.children?.[step] : memberOf(node, step));
  }
  if (!node) throw new RangeError("the path leads nowhere");
  return node;
}

/** The value of the member with this key. A member's node has two children: its key and its value. */
function memberOf(object: Node, key: string): Node | undefined {
  return object.children?.findLast(({ children }) => children?.[0]?.value === key)?.children?.[1];
}
