import type { Node } from "web-tree-sitter";

/** An expression as far as it is literal. A loop is an array of its body, a condition is what it guards. */
export type Value = { line: number } & (
  | { kind: "object"; properties: Property[] }
  | { kind: "array"; items: Value[] }
  | { kind: "string"; text: string; literal: boolean }
  | { kind: "number"; text: string }
  | { kind: "boolean"; text: string }
  | { kind: "null" }
  | { kind: "either"; options: Value[]; text: string }
  | { kind: "expression"; text: string }
);

export interface Property {
  /** Undefined where the key is computed. */
  name: string | undefined;
  line: number;
  value: Value;
}

export function readValue(node: Node | null | undefined): Value {
  const line = (node?.startPosition.row ?? 0) + 1;
  const parts = node?.namedChildren.filter((child) => child !== null && child.type !== "comment") ?? [];
  const last = parts.at(-1);
  switch (node?.type) {
    case "object":
      return { kind: "object", line, properties: parts.map((part) => readProperty(part as Node)) };
    case "array":
      return { kind: "array", line, items: parts.map(readValue) };
    case "for_statement":
      return { kind: "array", line, items: [readValue(node.childForFieldName("body"))] };
    case "if_statement":
      return readValue(last);
    case "parenthesized_expression":
      return parts.length === 1 ? readValue(last) : { kind: "expression", line, text: node.text };
    case "ternary_expression": {
      const options = [node.childForFieldName("consequence"), node.childForFieldName("alternative")].map(readValue);
      return { kind: "either", line, options, text: flat(node.text) };
    }
    case "string": {
      const literal = !parts.some((part) => part?.type === "interpolation");
      const quote = node.text.startsWith("'''") ? 3 : 1;
      return { kind: "string", line, text: node.text.slice(quote, -quote), literal };
    }
    case "number":
    case "boolean":
      return { kind: node.type, line, text: node.text };
    case "null":
      return { kind: "null", line };
    default:
      return { kind: "expression", line, text: flat(node?.text ?? "") };
  }
}

function readProperty(node: Node): Property {
  const [key, value] = node.namedChildren.filter((child) => child?.type !== "comment");
  const line = node.startPosition.row + 1;
  if (node.type !== "object_property" || !key || !value) {
    return { name: undefined, line, value: { kind: "expression", line, text: flat(node.text) } };
  }
  const name = key.type === "string" ? readValue(key) : undefined;
  const computed = name?.kind === "string" && !name.literal;
  return { name: computed ? undefined : key.text.replaceAll("'", ""), line, value: readValue(value) };
}

function flat(text: string): string {
  return text.replace(/\s+/g, " ");
}

/** The value at a path of members, `properties.networkAcls.bypass`; undefined if it is not there. */
export function at(value: Value | undefined, path: string): Value | undefined {
  let current = loopBody(value);
  for (const name of path.split(".")) {
    current = current?.kind === "object" ? current.properties.find((each) => each.name === name)?.value : undefined;
  }
  return current;
}

/** What a loop makes each time; anything else is itself. */
export function loopBody(value: Value | undefined): Value | undefined {
  return value?.kind === "array" && value.items.length === 1 ? value.items[0] : value;
}

/** As it would be written in one line, strings in single quotes; `undefined` if it is not there. */
export function show(value: Value | undefined): string {
  if (value === undefined) return "undefined";
  switch (value.kind) {
    case "object":
      return `{ ${value.properties.map((each) => `${each.name}: ${show(each.value)}`).join(", ")} }`;
    case "array":
      return `[${value.items.map(show).join(", ")}]`;
    case "string":
      return `'${value.text}'`;
    case "null":
      return "null";
    default:
      return value.text;
  }
}
