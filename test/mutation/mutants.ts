import { stripTypeScriptTypes } from "node:module";
import { type AnyNode, type Literal, parse } from "acorn";

/** One small change of a source file that a test should notice. Offsets are UTF-16 code units of the file. */
export interface Mutant {
  start: number;
  end: number;
  original: string;
  replacement: string;
  /** From 1. */
  line: number;
  /** The whole line as it was, trimmed: with it a mutant is found again when lines move. */
  lineText: string;
}

type Add = (at: { start: number; end: number }, replacement: string) => void;

interface Place {
  node: AnyNode;
  /** The innermost first. */
  parents: readonly AnyNode[];
  text: (node: { start: number; end: number }) => string;
  add: Add;
}

const operators: Readonly<Record<string, string>> = {
  ...{ "<": "<=", "<=": "<", ">": ">=", ">=": ">", "===": "!==", "!==": "===" },
  ...{ "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "&&": "||", "||": "&&" },
};
const methods: Readonly<Record<string, string>> = {
  ...{ every: "some", some: "every", min: "max", max: "min", startsWith: "endsWith", endsWith: "startsWith" },
  ...{ find: "findLast", findLast: "find", floor: "ceil", ceil: "floor" },
};
/** Without the call the value stays as it was. */
const skipped = new Set(["filter", "sort", "toSorted", "trim", "toLowerCase", "toUpperCase", "reverse"]);

/** What each kind of syntax is changed to. */
const changes: Readonly<Record<string, (place: Place) => void>> = {
  IfStatement: changeTest,
  ConditionalExpression: changeTest,
  BinaryExpression: changeOperator,
  LogicalExpression: (place) => {
    const { node, text, add } = place;
    if (node.type !== "LogicalExpression") return;
    if (node.operator !== "??") changeOperator(place);
    else for (const side of [node.left, node.right]) add(node, text(side));
  },
  UnaryExpression: ({ node, parents, text, add }) => {
    if (node.type !== "UnaryExpression" || isTestOf(node, parents[0])) return;
    if (node.operator === "!" || node.operator === "-") add(node, text(node.argument));
  },
  Literal: changeLiteral,
  ReturnStatement: ({ node, add }) => {
    if (node.type === "ReturnStatement" && node.argument && !isPlain(node.argument)) add(node.argument, "undefined");
  },
  ArrowFunctionExpression: ({ node, add }) => {
    if (node.type === "ArrowFunctionExpression" && node.expression && !isPlain(node.body)) add(node.body, "undefined");
  },
  ExpressionStatement: ({ node, add }) => add(node, ";"),
  CallExpression: ({ node, text, add }) => {
    if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return;
    const { property, object } = node.callee;
    if (property.type !== "Identifier") return;
    const other = methods[property.name];
    if (other !== undefined) add(property, other);
    if (skipped.has(property.name)) add(node, text(object));
  },
  ArrayExpression: ({ node, add }) => {
    if (node.type === "ArrayExpression" && node.elements.length > 0) add(node, "[]");
  },
  /** A member that is passed to somebody, such as a condition of a request. */
  Property: ({ node, parents, text, add }) => {
    const isPassed = parents.find(({ type }) => !["ObjectExpression", "Property"].includes(type))?.type;
    if (isPassed === "CallExpression" && text(node) !== "") add(node, "...{}");
  },
};

function changeTest({ node, add }: Place): void {
  if (node.type !== "IfStatement" && node.type !== "ConditionalExpression") return;
  for (const value of ["true", "false"]) add(node.test, value);
}

function changeOperator({ node, parents, text, add }: Place): void {
  if (node.type !== "BinaryExpression" && node.type !== "LogicalExpression") return;
  const { left, right, operator } = node;
  const other = operators[operator];
  const isEquality = operator === "===" || operator === "!==";
  if (other === undefined || (isEquality && isTestOf(node, parents[0]))) return;
  const isText = [left, right].some(
    ({ type }) => type === "TemplateLiteral" || (type === "Literal" && operator === "+"),
  );
  if (operator === "+" && isText) return;
  const between = { start: left.end, end: right.start };
  const start = left.end + text(between).indexOf(operator);
  add({ start, end: start + operator.length }, other);
}

function changeLiteral({ node, parents, add }: Place): void {
  if (node.type !== "Literal" || isName(node, parents) || isMessage(parents)) return;
  if (node.regex) changePattern(node, add);
  if (typeof node.value === "boolean") add(node, `${!node.value}`);
  if (typeof node.value === "number") add(node, `${node.value + 1}`);
  if (typeof node.value === "string") add(node, node.value === "" ? '"mutated"' : '""');
}

function changePattern({ regex, start, end }: Literal, add: Add): void {
  const { pattern = "", flags = "" } = regex ?? {};
  if (pattern.startsWith("^")) add({ start, end }, `/${pattern.slice(1)}/${flags}`);
  if (pattern.endsWith("$")) add({ start, end }, `/${pattern.slice(0, -1)}/${flags}`);
  if (flags.includes("i")) add({ start, end }, `/${pattern}/${flags.replace("i", "")}`);
}

/** Already changed to true and false as a whole. */
function isTestOf(node: AnyNode, parent: AnyNode | undefined): boolean {
  return (parent?.type === "IfStatement" || parent?.type === "ConditionalExpression") && parent.test === node;
}

function isPlain({ type, ...node }: AnyNode): boolean {
  return type === "Literal" || type === "BlockStatement" || ("name" in node && node.name === "undefined");
}

/** The name of a module or of a property. */
function isName(node: AnyNode, [parent]: readonly AnyNode[]): boolean {
  if (parent?.type.startsWith("Import") || parent?.type.startsWith("Export")) return true;
  return parent?.type === "Property" && parent.key === node;
}

/** The text of an error: what it says is not what is tested. */
function isMessage(parents: readonly AnyNode[]): boolean {
  return parents.some(
    (parent) =>
      parent.type === "ThrowStatement" ||
      (parent.type === "NewExpression" && parent.callee.type === "Identifier" && parent.callee.name.endsWith("Error")),
  );
}

/** Every mutant of a file that is still TypeScript, in the order of the file. */
export function mutantsOf(source: string): Mutant[] {
  const mutants: Mutant[] = [];
  const text = ({ start, end }: { start: number; end: number }) => source.slice(start, end);
  const add: Add = ({ start, end }, replacement) => {
    const original = source.slice(start, end);
    const line = source.slice(0, start).split("\n").length;
    const lineText = source.split("\n")[line - 1]?.trim() ?? "";
    const mutant = { start, end, original, replacement, line, lineText };
    const changed = source.slice(0, start) + replacement + source.slice(end);
    if (original !== replacement && isReadable(changed)) mutants.push(mutant);
  };
  const visit = (node: AnyNode, parents: readonly AnyNode[]): void => {
    // The compiler proves that it is not reached.
    if (node.type === "SwitchCase" && text(node).includes("satisfies never")) return;
    changes[node.type]?.({ node, parents, text, add });
    for (const child of childrenOf(node)) visit(child, [node, ...parents]);
  };
  visit(syntaxOf(source), []);
  return mutants.sort((a, b) => a.start - b.start);
}

/** Types are blanked, so that offsets are those of the TypeScript. */
function syntaxOf(source: string): AnyNode {
  return parse(stripTypeScriptTypes(source), { ecmaVersion: "latest", sourceType: "module" });
}

function isReadable(source: string): boolean {
  try {
    syntaxOf(source);
    return true;
  } catch {
    return false;
  }
}

function childrenOf(node: AnyNode): AnyNode[] {
  return Object.values(node).flatMap((value) => {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    return values.filter((each): each is AnyNode => typeof each === "object" && each !== null && "type" in each);
  });
}
