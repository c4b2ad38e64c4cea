import type { Finding } from "./finding.ts";
import { show, type Value } from "./value.ts";

/**
 * What a value may look like. Only literals are judged: of an expression nothing is known but that it is one, so it
 * passes wherever a value may stand.
 */
export type Shape =
  | { kind: "text" }
  | { kind: "whole" }
  | { kind: "flag" }
  | { kind: "any" }
  | { kind: "one of"; texts: readonly string[] }
  | { kind: "list"; of: Shape }
  | { kind: "map"; of: Shape }
  | { kind: "record"; members: Readonly<Record<string, Shape>> }
  | { kind: "variants"; by: string; of: Readonly<Record<string, Shape>> };

export const text: Shape = { kind: "text" };
export const whole: Shape = { kind: "whole" };
export const flag: Shape = { kind: "flag" };
export const any: Shape = { kind: "any" };

export function oneOf(...texts: string[]): Shape {
  return { kind: "one of", texts };
}

export function list(of: Shape): Shape {
  return { kind: "list", of };
}

export function map(of: Shape): Shape {
  return { kind: "map", of };
}

/** A name with a question mark at its end may be left out. */
export function record(members: Readonly<Record<string, Shape>>): Shape {
  return { kind: "record", members };
}

/** A record whose members depend on the value of one of them. */
export function variants(by: string, of: Readonly<Record<string, Shape>>): Shape {
  return { kind: "variants", by, of };
}

/** `where` names the place in words, from the resource down. */
export function checkShape(value: Value, shape: Shape, where: string, file: string): Finding[] {
  if (value.kind === "either") return value.options.flatMap((option) => checkShape(option, shape, where, file));
  if (shape.kind === "any" || value.kind === "expression" || value.kind === "null") return [];
  const place = { where, file };
  const must = (what: string) => wrong(place, value.line, `must be ${what}, but is ${show(value)}: correct it`);
  switch (shape.kind) {
    case "text":
      return value.kind === "string" ? [] : must("a string");
    case "whole":
      return value.kind === "number" ? [] : must("a number");
    case "flag":
      return value.kind === "boolean" ? [] : must("true or false");
    case "one of": {
      const isOne = value.kind === "string" && (!value.literal || shape.texts.includes(value.text));
      return isOne ? [] : must(`one of ${shape.texts.join(", ")}`);
    }
    case "list":
      if (value.kind !== "array") return must("an array");
      return value.items.flatMap((item, index) => checkShape(item, shape.of, `${where}[${index}]`, file));
  }
  if (value.kind !== "object") return must("an object");
  switch (shape.kind) {
    case "map":
      return value.properties.flatMap((each) => checkShape(each.value, shape.of, `${where}.${each.name}`, file));
    case "variants":
      return checkVariants(value, shape, place);
    case "record":
      return checkRecord(value, shape, place);
  }
}

interface Place {
  where: string;
  file: string;
}
type ObjectValue = Extract<Value, { kind: "object" }>;
type ShapeOf<K extends Shape["kind"]> = Extract<Shape, { kind: K }>;

function wrong({ where, file }: Place, line: number, rest: string): Finding[] {
  return [{ file, line, text: `${where} ${rest}` }];
}

function checkVariants(value: ObjectValue, { by, of }: ShapeOf<"variants">, place: Place): Finding[] {
  const { where, file } = place;
  const variant = value.properties.find((each) => each.name === by)?.value;
  if (variant === undefined) return wrong(place, value.line, `has no ${by}: add it`);
  if (variant.kind !== "string") return [];
  const chosen = of[variant.text];
  if (chosen) return checkShape(value, chosen, where, file);
  return checkShape(variant, oneOf(...Object.keys(of)), `${where}.${by}`, file);
}

function checkRecord({ line, properties }: ObjectValue, { members }: ShapeOf<"record">, place: Place): Finding[] {
  const present = properties.flatMap((each) => {
    const name = each.name ?? "";
    const member = members[name] ?? members[`${name}?`];
    if (member) return checkShape(each.value, member, `${place.where}.${name}`, place.file);
    return wrong(place, each.line, `has no property ${name || "with a computed name"}: correct or remove it`);
  });
  const isPresent = (name: string) => properties.some((each) => each.name === name);
  const missing = Object.keys(members).filter((name) => !name.endsWith("?") && !isPresent(name));
  return [...present, ...missing.flatMap((name) => wrong(place, line, `lacks ${name}: add it`))];
}
