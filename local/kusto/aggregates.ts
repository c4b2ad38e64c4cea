import { evaluate, type Scope } from "./expressions.ts";
import { childOf, listOf, type SyntaxNode } from "./tree.ts";
import { compare, type Row, type Value } from "./values.ts";

/** The values of an aggregate over the rows of a group: one value, or for `arg_max` one for each of its columns. */
export function aggregate(node: SyntaxNode, rows: readonly Row[], scope: Scope): Value[] {
  const name = childOf(node, "Name").text;
  const [first, ...others] = listOf(childOf(node, "ArgumentList"), "Expressions");
  const last = others.at(-1);
  const values = (of: SyntaxNode | undefined, among = rows) =>
    among.map((row) => (of ? evaluate(of, row, scope) : null)).filter((value) => value !== null);
  const where = (condition: SyntaxNode | undefined) =>
    rows.filter((row) => condition && evaluate(condition, row, scope) === true);
  switch (name) {
    case "count":
      return [rows.length];
    case "countif":
      return [where(first).length];
    case "sum":
      return [total(values(first))];
    case "sumif":
      return [total(values(first, where(last)))];
    case "min":
      return [values(first).sort(compare)[0] ?? null];
    case "max":
      return [values(first).sort(compare).at(-1) ?? null];
    case "maxif":
      return [values(first, where(last)).sort(compare).at(-1) ?? null];
    case "make_set":
      return [distinct(values(first)).slice(0, last ? Number(last.text) : undefined)];
    case "percentile":
      return [
        percentile(
          values(first).map((value) => [Number(value), 1]),
          percentOf(last),
        ),
      ];
    case "percentilew":
      return [percentile(weighted(rows, first, others[0], scope), percentOf(last))];
    case "arg_max":
      return argMax(rows, first, others, scope);
    default:
      throw new SyntaxError(`not interpreted: ${name}()`);
  }
}

function total(values: readonly Value[]): number {
  return values.reduce<number>((sum, value) => sum + Number(value), 0);
}

function distinct(values: readonly Value[]): Value[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

function percentOf(node: SyntaxNode | undefined): number {
  return Number(node ? node.text : Number.NaN);
}

function weighted(rows: readonly Row[], value: SyntaxNode | undefined, weight: SyntaxNode | undefined, scope: Scope) {
  if (!value || !weight) throw new SyntaxError("percentilew takes a value, a weight and a percentage");
  return rows.map((row): [number, number] => [
    Number(evaluate(value, row, scope)),
    Number(evaluate(weight, row, scope)),
  ]);
}

/**
 * The nearest rank: the smallest value that is not exceeded by this percentage of all values. Kusto's own is an
 * estimate close to it.
 */
function percentile(values: readonly [value: number, weight: number][], percent: number): number | null {
  const sorted = [...values].sort(([a], [b]) => a - b);
  const needed = (percent / 100) * sorted.reduce((sum, [, weight]) => sum + weight, 0);
  let seen = 0;
  for (const [value, weight] of sorted) {
    seen += weight;
    if (seen >= needed) return value;
  }
  return null;
}

/**
 * The row in which the first argument is greatest: that value, then those of the others (`*`: every column except the
 * first).
 */
function argMax(rows: readonly Row[], first: SyntaxNode | undefined, others: SyntaxNode[], scope: Scope): Value[] {
  if (!first) throw new SyntaxError("arg_max takes what is to be greatest");
  const [best] = [...rows].sort((a, b) => compare(evaluate(first, b, scope), evaluate(first, a, scope)));
  if (!best) return [null, ...others.map(() => null)];
  return [evaluate(first, best, scope), ...others.map((each) => evaluate(each, best, scope))];
}
