/**
 * Evaluates a query over rows: the part of the Kusto query language that `infra/queries` uses, read from the tree of
 * Kusto's own parser, with the types of its analyser. Unsupported syntax throws, so it is always noticed. The semantics
 * are those of Microsoft's reference; `test/infra/kusto-engine.test.ts` has an example for each operator.
 */
import { aggregate } from "./aggregates.ts";
import { evaluate, type Scope } from "./expressions.ts";
import { type Analysis, analyse } from "./language.ts";
import { childOf, columnsOf, listOf, type SyntaxNode, treeOf } from "./tree.ts";
import { compare, type Row, type Tables, type Value } from "./values.ts";

export interface Result {
  /** `name:type`, as Kusto's analyser finds them. */
  columns: Analysis["columns"];
  rows: Row[];
}

/** @throws if the analyser finds an error, or the query uses unsupported syntax. */
export function runQuery(text: string, tables: Tables, nowMs: number): Result {
  const { problems, columns } = analyse(text);
  if (problems.length > 0) throw new SyntaxError(problems.join("; "));
  const scalars = new Map<string, Value>();
  const views = new Map<string, SyntaxNode>();
  const scope: Scope = { nowMs, scalars, scalarOf: (query) => firstOf(rowsOf(query)) };

  function rowsOf(node: SyntaxNode): Row[] {
    switch (node.kind) {
      case "PipeExpression":
        return apply(childOf(node, "Operator"), rowsOf(childOf(node, "Expression")));
      case "ParenthesizedExpression":
        return rowsOf(childOf(node, "Expression"));
      case "DataTableExpression":
        return dataTable(node);
      case "PrintOperator":
        return apply(node, [{}]);
      default: {
        const name = node.text;
        const view = views.get(name);
        const table = tables[name];
        if (!view && !table) throw new SyntaxError(`no table ${name}`);
        return view ? rowsOf(view) : [...(table ?? [])];
      }
    }
  }

  function dataTable(node: SyntaxNode): Row[] {
    const names = columnsOf(node);
    const values = listOf(node, "Values").map((each) => evaluate(each, {}, scope));
    const count = values.length / names.length;
    return Array.from({ length: count }, (_, row) => toRow(names, values.slice(row * names.length)));
  }

  function apply(operator: SyntaxNode, rows: Row[]): Row[] {
    const valuesOf = (row: Row, nodes: readonly SyntaxNode[]) => nodes.map((each) => evaluate(inner(each), row, scope));
    switch (operator.kind) {
      case "FilterOperator":
        return rows.filter((row) => evaluate(childOf(operator, "Condition"), row, scope) === true);
      case "ExtendOperator":
        return rows.map((row) => {
          const added = listOf(operator, "Expressions");
          return { ...row, ...toRow(added.map(declaredName), valuesOf(row, added)) };
        });
      case "PrintOperator":
      case "ProjectOperator":
        return rows.map((row) => toRow(columnsOf(operator), valuesOf(row, listOf(operator, "Expressions"))));
      case "DistinctOperator":
        return grouped(rows, listOf(operator, "Expressions")).map(([keys]) => toRow(columnsOf(operator), keys));
      case "SummarizeOperator":
        return summarize(operator, rows);
      case "CountOperator":
        return [{ Count: rows.length }];
      case "TakeOperator":
        return rows.slice(0, Number(evaluate(childOf(operator, "Expression"), {}, scope)));
      case "SortOperator":
        return sorted(operator, rows);
      case "JoinOperator":
        return join(operator, rows);
      case "MvExpandOperator":
        return rows.flatMap((row) => expand(operator, row));
      default:
        throw new SyntaxError(`not interpreted: ${operator.kind} ${operator.text}`);
    }
  }

  function grouped(rows: readonly Row[], by: readonly SyntaxNode[]): [keys: Value[], rows: readonly Row[]][] {
    const groups = new Map<string, [Value[], Row[]]>();
    for (const row of rows) {
      const keys = by.map((each) => evaluate(inner(each), row, scope));
      const group = groups.get(JSON.stringify(keys));
      if (group) group[1].push(row);
      else groups.set(JSON.stringify(keys), [keys, [row]]);
    }
    return [...groups.values()];
  }

  /** Without `by` there is one row, even if there are no rows to summarize. */
  function summarize(operator: SyntaxNode, rows: readonly Row[]): Row[] {
    const clause = operator.places.ByClause;
    const groups = clause ? grouped(rows, listOf(clause, "Expressions")) : [[[], rows] as [Value[], readonly Row[]]];
    const aggregates = listOf(operator, "Aggregates");
    return groups.map(([keys, members]) =>
      toRow(columnsOf(operator), [...keys, ...aggregates.flatMap((each) => aggregate(inner(each), members, scope))]),
    );
  }

  function sorted(operator: SyntaxNode, rows: readonly Row[]): Row[] {
    const keys = listOf(operator, "Expressions").map((each) => {
      const isOrdered = each.kind === "OrderedExpression";
      // The default is descending.
      const direction = isOrdered && /\basc\b/.test(childOf(each, "Ordering").text) ? 1 : -1;
      return { node: isOrdered ? childOf(each, "Expression") : each, direction };
    });
    return [...rows].sort((a, b) => {
      for (const { node, direction } of keys) {
        const difference = compare(evaluate(node, a, scope), evaluate(node, b, scope));
        if (difference !== 0) return difference * direction;
      }
      return 0;
    });
  }

  /** Joins `on` columns of the same name. A row without a partner has nulls, or "" in text columns. */
  function join(operator: SyntaxNode, left: readonly Row[]): Row[] {
    const rightNode = childOf(operator, "Expression");
    const right = rowsOf(rightNode);
    const on = listOf(childOf(operator, "ConditionClause"), "Expressions").map(({ text }) => text);
    const [parameter] = listOf(operator, "Parameters");
    const kind = parameter ? childOf(parameter, "Expression").text : "innerunique";
    const keyOf = (row: Row) => JSON.stringify(on.map((name) => row[name] ?? null));
    const partners = (row: Row) => right.filter((each) => keyOf(each) === keyOf(row));
    if (kind === "leftanti") return left.filter((row) => partners(row).length === 0);
    if (kind !== "leftouter" && kind !== "inner") throw new SyntaxError(`not interpreted: join kind=${kind}`);
    const names = columnsOf(operator);
    const rightColumns = innermost(rightNode).columns;
    const leftNames = names.slice(0, names.length - rightColumns.length);
    return left.flatMap((row) => {
      const found = partners(row);
      const matches = found.length === 0 && kind === "leftouter" ? [{} as Row] : found;
      const own = leftNames.map((name) => row[name] ?? null);
      return matches.map((match) =>
        toRow(names, [...own, ...rightColumns.map(({ name, type }) => match[name] ?? (type === "string" ? "" : null))]),
      );
    });
  }

  /** One row for each element of an array; none for an empty one. */
  function expand(operator: SyntaxNode, row: Row): Row[] {
    const [expression, ...others] = listOf(operator, "Expressions");
    if (!expression || others.length > 0) throw new SyntaxError("not interpreted: mv-expand of several columns");
    const named = childOf(expression, "Expression");
    const value = evaluate(inner(named), row, scope);
    const name = named.kind === "SimpleNamedExpression" ? declaredName(named) : named.text;
    return Array.isArray(value) ? value.map((each: Value) => ({ ...row, [name]: each })) : [{ ...row, [name]: value }];
  }

  let rows: Row[] = [];
  for (const statement of listOf(treeOf(text), "Statements")) {
    const expression = childOf(statement, "Expression");
    if (statement.kind !== "LetStatement") rows = rowsOf(expression);
    else if (isTabular(expression)) views.set(childOf(statement, "Name").text, expression);
    else scalars.set(childOf(statement, "Name").text, evaluate(expression, {}, scope));
  }
  return { columns, rows };
}

function isTabular(node: SyntaxNode): boolean {
  return ["PipeExpression", "DataTableExpression"].includes(node.kind);
}

function innermost(node: SyntaxNode): SyntaxNode {
  return node.kind === "ParenthesizedExpression" ? innermost(childOf(node, "Expression")) : node;
}

/** The expression of `Name = expression`. */
function inner(node: SyntaxNode): SyntaxNode {
  return node.kind === "SimpleNamedExpression" ? childOf(node, "Expression") : node;
}

function declaredName(node: SyntaxNode): string {
  if (node.kind !== "SimpleNamedExpression") throw new SyntaxError(`not interpreted: without a name: ${node.text}`);
  return childOf(node, "Name").text;
}

function toRow(names: readonly string[], values: readonly Value[]): Row {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
}

function firstOf(rows: readonly Row[]): Value {
  return Object.values(rows[0] ?? {})[0] ?? null;
}
