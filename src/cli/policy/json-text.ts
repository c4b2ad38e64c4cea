import { type Node, parseTree } from "jsonc-parser";

/**
 * Changes one place of a JSON text and leaves all other text as its author wrote it. The package's own `modify`
 * reformats the whole line, and changes the first of duplicate keys. Here the last one counts, as for `JSON.parse`,
 * which must have accepted the text.
 */
export type JsonPath = readonly (string | number)[];

/**
 * Sets the member `key` of the object at `path`; a new one is added as the last, spaced like the one before it.
 * @throws RangeError if there is no object at the path
 */
export function setMember(text: string, path: JsonPath, key: string, value: unknown): string {
  const object = nodeAt(text, path);
  const existing = memberOf(object, key);
  const json = (offset: number) =>
    text.includes("\n") ? written(text, value, indentAt(text, offset)) : JSON.stringify(value);
  if (existing) return splice(text, existing.offset, endOf(existing), json(existing.offset));
  const last = object.children?.at(-1);
  const added = `${JSON.stringify(key)}: ${json(last?.offset ?? object.offset)}`;
  if (!last) return splice(text, object.offset, endOf(object), `{ ${added} }`);
  return splice(text, endOf(last), endOf(last), `,${spaceBefore(text, last.offset)}${added}`);
}

/**
 * Adds an element to the end of the array at `path`, formatted like the one before it.
 * @throws RangeError if there is no array at the path
 */
export function appendItem(text: string, path: JsonPath, value: unknown): string {
  const array = nodeAt(text, path);
  const last = array.children?.at(-1);
  if (!last) return splice(text, array.offset, endOf(array), firstItem(text, array, value));
  const space = spaceBefore(text, last.offset);
  if (!space.includes("\n")) {
    const isCompact = space === "" && (array.children?.length !== 1 || !text.includes("\n"));
    return splice(text, endOf(last), endOf(last), `,${isCompact ? "" : " "}${JSON.stringify(value)}`);
  }
  return splice(text, endOf(last), endOf(last), `,${space}${written(text, value, indentOf(space))}`);
}

/**
 * Removes the element at `path`, with the comma and the space that belong to it.
 * @throws RangeError if there is no element at the path
 */
export function removeItem(text: string, path: JsonPath): string {
  const array = nodeAt(text, path.slice(0, -1));
  const items = array.children ?? [];
  const index = Number(path.at(-1));
  const [item, before, after] = [items[index], items[index - 1], items[index + 1]];
  if (!item) throw new RangeError("the path leads nowhere");
  if (before) return splice(text, endOf(before), endOf(item), "");
  if (after) return splice(text, item.offset, after.offset, "");
  return splice(text, array.offset, endOf(array), "[]");
}

/** The array with its first element, on a separate line if the text has lines. */
function firstItem(text: string, array: Node, value: unknown): string {
  if (!text.includes("\n") || typeof value !== "object") return `[${JSON.stringify(value)}]`;
  const outer = indentAt(text, array.offset);
  const inner = outer + unitOf(text);
  const newline = newlineOf(text);
  return `[${newline}${inner}${written(text, value, inner)}${newline}${outer}]`;
}

/** The value as JSON, with the text's indentation and line ends; `indent` precedes every further line. */
function written(text: string, value: unknown, indent: string): string {
  return JSON.stringify(value, undefined, unitOf(text)).replaceAll("\n", `${newlineOf(text)}${indent}`);
}

/** The indentation of the line at this offset. */
function indentAt(text: string, offset: number): string {
  const lineStart = text.lastIndexOf("\n", offset) + 1;
  return /^[ \t]*/.exec(text.slice(lineStart, offset))?.[0] ?? "";
}

const unitOf = (text: string) => /\n([ \t]+)/.exec(text)?.[1] ?? "  ";
const newlineOf = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");
const indentOf = (space: string) => space.slice(space.lastIndexOf("\n") + 1);

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
  // JSON has no byte order mark; a space in its place keeps every offset.
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
