/** Kusto's own syntax tree, as its language service hands it out, reduced to what an evaluation reads. */
import { kusto, type SyntaxNode } from "./language.ts";

export type { SyntaxNode } from "./language.ts";

const kinds = new Map(
  Object.entries(kusto.Syntax.SyntaxKind)
    .filter((entry): entry is [string, number] => typeof entry[1] === "number")
    .map(([name, value]) => [value, name]),
);

/** The name of its kind in Kusto's grammar: `FilterOperator`. */
export function kindOf(node: SyntaxNode): string {
  return kinds.get(node.Kind) ?? `kind ${node.Kind}`;
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Array.from({ length: node.ChildCount }, (_, index) => node.GetChild(index)).filter((child) => child !== null);
}

/** The child in this place of the grammar, if there is one. */
export function findChild(node: SyntaxNode, name: string): SyntaxNode | undefined {
  return childrenOf(node).find((child) => child.NameInParent === name);
}

/** @throws where the place is empty. */
export function childOf(node: SyntaxNode, name: string): SyntaxNode {
  const child = findChild(node, name);
  if (!child) throw new SyntaxError(`${kindOf(node)} has no ${name}: ${node.ToString()}`);
  return child;
}

/** The elements of the list in this place; none where there is no list. */
export function listOf(node: SyntaxNode, name: string): SyntaxNode[] {
  const list = findChild(node, name);
  if (!list) return [];
  return childrenOf(list).map(
    (element) => (kindOf(element) === "SeparatedElement" ? childrenOf(element)[0] : element) as SyntaxNode,
  );
}

/** The text without the space and comments before it. */
export function textOf(node: SyntaxNode): string {
  return node
    .ToString()
    .replace(/^(?:\s|\/\/[^\n]*\n)+/, "")
    .trim();
}

/** The type that Kusto finds for an expression: `string`, `long`, `datetime`, `dynamic` ... */
export function typeOf(node: SyntaxNode): string {
  return node.ResultType?.Name ?? "unknown";
}

/** Names of the columns that an operator yields, in order. */
export function columnsOf(node: SyntaxNode): string[] {
  return typedColumnsOf(node).map(({ name }) => name);
}

export function typedColumnsOf(node: SyntaxNode): { name: string; type: string }[] {
  const columns = node.ResultType?.Columns;
  const items = Array.from({ length: columns?.Count ?? 0 }, (_, index) => columns?.getItem(index));
  return items.map((column) => ({ name: column?.Name ?? "", type: column?.Type.Name ?? "" }));
}
