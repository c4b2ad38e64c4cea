import type { BicepFile } from "./bicep/parse.ts";
import type { Value } from "./bicep/value.ts";

/** A Bicep value that is written out. */
export type Literal = string | number | boolean | null | Expression | Literal[] | { [name: string]: Literal };

/** What is not: its text, in a class, so that nothing is mistaken for a value. */
export class Expression {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** loadTextContent('path') becomes the path. */
export function literal(value: Value): Literal {
  switch (value.kind) {
    case "object":
      return Object.fromEntries(value.properties.map((each) => [each.name ?? "", literal(each.value)]));
    case "array":
      return value.items.map(literal);
    case "string":
      return value.literal ? value.text : new Expression(value.text);
    case "number":
      return Number(value.text);
    case "boolean":
      return value.text === "true";
    case "null":
      return null;
    default:
      return /^loadTextContent\('([^']+)'\)$/.exec(value.text)?.[1] ?? new Expression(value.text);
  }
}

/** A variable of a file. Throws where there is none, or the file is no Bicep. */
export function literalVariable(file: BicepFile, name: string): Literal {
  if (file.syntax.length > 0) throw new SyntaxError(`${file.path} is no Bicep`);
  const found = file.variables.find((each) => each.name === name);
  if (!found) throw new TypeError(`${file.path} has no variable ${name}`);
  return literal(found.value);
}
