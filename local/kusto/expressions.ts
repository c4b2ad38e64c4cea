import { functions, operators } from "./functions.ts";
import { childOf, listOf, type SyntaxNode } from "./tree.ts";
import { ingested, type Row, timespanOf, type Value } from "./values.ts";

/** What an expression may refer to besides the row. */
export interface Scope {
  nowMs: number;
  /** Scalars defined by `let`. */
  scalars: ReadonlyMap<string, Value>;
  /** Evaluates `toscalar(...)` in the middle of a query. */
  scalarOf(query: SyntaxNode): Value;
}

/** The value of a scalar expression for a row. @throws for a form that our queries do not use. */
export function evaluate(node: SyntaxNode, row: Row, scope: Scope): Value {
  const of = (name: string) => evaluate(childOf(node, name), row, scope);
  switch (node.kind) {
    case "ParenthesizedExpression":
      return of("Expression");
    case "AndExpression":
      return of("Left") === true && of("Right") === true;
    case "OrExpression":
      return of("Left") === true || of("Right") === true;
    case "StringLiteralExpression":
      return stringOf(node.text);
    case "LongLiteralExpression":
    case "IntLiteralExpression":
    case "RealLiteralExpression":
      return Number(node.text);
    case "BooleanLiteralExpression":
      return node.text === "true";
    case "TimespanLiteralExpression":
      return timespanOf(node.text);
    case "DateTimeLiteralExpression":
      return dateOf(node.text);
    case "UnaryMinusExpression":
      return -Number(of("Expression"));
    case "NameReference":
      return nameOf(node.text, row, scope);
    case "PathExpression":
      return memberOf(of("Expression"), childOf(node, "Selector").text);
    case "ElementExpression":
      return memberOf(of("Expression"), evaluate(childOf(childOf(node, "Selector"), "Expression"), row, scope));
    case "ToScalarExpression":
      return scope.scalarOf(childOf(node, "Expression"));
    case "FunctionCallExpression":
      return call(node, row, scope);
    case "InExpression":
    case "InCsExpression":
    case "NotInExpression":
    case "NotInCsExpression":
      return isIn(node, row, scope);
    case "BetweenExpression":
      return isBetween(node, row, scope);
    default:
      return operate(node, row, scope);
  }
}

function operate(node: SyntaxNode, row: Row, scope: Scope): Value {
  const operator = node.places.Operator;
  const apply = operator && operators[operator.text];
  if (!apply) throw new SyntaxError(`not interpreted: ${node.kind} ${node.text}`);
  return apply(evaluate(childOf(node, "Left"), row, scope), evaluate(childOf(node, "Right"), row, scope));
}

function call(node: SyntaxNode, row: Row, scope: Scope): Value {
  const name = childOf(node, "Name").text;
  const args = listOf(childOf(node, "ArgumentList"), "Expressions");
  if (name === "ingestion_time") return row[ingested] ?? null;
  const values = args.map((argument) => evaluate(argument, row, scope));
  // The first argument is the name of a column that a table may lack, the second its replacement.
  if (name === "column_ifexists") return row[String(values[0])] ?? values[1] ?? null;
  const apply = functions[name];
  if (!apply) throw new SyntaxError(`not interpreted: ${name}()`);
  return apply({ values, types: args.map(({ type }) => type), nowMs: scope.nowMs });
}

function isIn(node: SyntaxNode, row: Row, scope: Scope): boolean {
  const operator = childOf(node, "Operator").text;
  const plain = (value: Value) => (operator.endsWith("~") ? String(value).toLowerCase() : value);
  const value = plain(evaluate(childOf(node, "Left"), row, scope));
  const isFound = listOf(childOf(node, "Right"), "Expressions").some(
    (each) => plain(evaluate(each, row, scope)) === value,
  );
  return operator.startsWith("!") ? !isFound : isFound;
}

/** Both ends are inclusive. */
function isBetween(node: SyntaxNode, row: Row, scope: Scope): Value {
  const value = evaluate(childOf(node, "Left"), row, scope);
  const couple = childOf(node, "Right");
  const [first, second] = ["First", "Second"].map((name) => Number(evaluate(childOf(couple, name), row, scope)));
  return value !== null && Number(value) >= Number(first) && Number(value) <= Number(second);
}

function nameOf(name: string, row: Row, scope: Scope): Value {
  if (name in row) return row[name] ?? null;
  const scalar = scope.scalars.get(name);
  // The part of a date in datetime_diff is an unquoted word.
  return scalar === undefined ? name : scalar;
}

function memberOf(value: Value, key: Value): Value {
  if (value === null || typeof value !== "object") return null;
  return (value as { [name: string]: Value })[String(key)] ?? null;
}

function stringOf(literal: string): string {
  const isVerbatim = literal.startsWith("@");
  const inner = literal.slice(isVerbatim ? 2 : 1, -1);
  return isVerbatim ? inner : inner.replace(/\\(.)/g, (_, each: string) => ({ n: "\n", t: "\t" })[each] ?? each);
}

/** `datetime(2026-01-31)`, `datetime(null)`. */
function dateOf(literal: string): number | null {
  const time = Date.parse(literal.slice("datetime(".length, -1));
  return Number.isNaN(time) ? null : time;
}
