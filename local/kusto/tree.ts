/**
 * Kusto's own syntax tree, copied once into plain objects with what an evaluation reads, because the original is slow
 * to walk.
 */
import { kusto, parse, type RawNode } from "./language.ts";

export interface SyntaxNode {
  /** Its name in Kusto's grammar, for example `FilterOperator`. */
  kind: string;
  /** Without leading space and comments. */
  text: string;
  /** The type that Kusto's analyser finds for an expression: `string`, `long`, `datetime`, `dynamic` ... */
  type: string;
  /** The result columns of an operator, in order. */
  columns: readonly { name: string; type: string }[];
  children: readonly SyntaxNode[];
  /** Children by their place in the grammar. */
  places: Readonly<Record<string, SyntaxNode>>;
}

const kinds = new Map(
  Object.entries(kusto.Syntax.SyntaxKind)
    .filter((entry): entry is [string, number] => typeof entry[1] === "number")
    .map(([name, value]) => [value, name]),
);

const trees = new Map<string, SyntaxNode>();

/** The tree of a query, with the types of its expressions. */
export function treeOf(query: string): SyntaxNode {
  const tree = trees.get(query) ?? copy(parse(query));
  trees.set(query, tree);
  return tree;
}

function copy(raw: RawNode): SyntaxNode {
  const items = Array.from({ length: raw.ChildCount }, (_, index) => raw.GetChild(index)).filter(
    (each) => each !== null,
  );
  const children = items.map(copy);
  const columns = raw.ResultType?.Columns;
  const typed = Array.from({ length: columns?.Count ?? 0 }, (_, index) => columns?.getItem(index));
  return {
    kind: kinds.get(raw.Kind) ?? `kind ${raw.Kind}`,
    text: raw
      .ToString()
      .replace(/^(?:\s|\/\/[^\n]*\n)+/, "")
      .trim(),
    type: raw.ResultType?.Name ?? "unknown",
    columns: typed.map((column) => ({ name: column?.Name ?? "", type: column?.Type.Name ?? "" })),
    children,
    places: Object.fromEntries(items.map(({ NameInParent }, index) => [NameInParent ?? "", children[index]])) as Record<
      string,
      SyntaxNode
    >,
  };
}

/** The child in this place of the grammar. @throws if the place is empty. */
export function childOf(node: SyntaxNode, place: string): SyntaxNode {
  const child = node.places[place];
  if (!child) throw new SyntaxError(`${node.kind} has no ${place}: ${node.text}`);
  return child;
}

/** The elements of the list in this place; empty if there is no list. */
export function listOf(node: SyntaxNode, place: string): SyntaxNode[] {
  const elements = node.places[place]?.children ?? [];
  return elements.map((element) =>
    element.kind === "SeparatedElement" ? (element.children[0] as SyntaxNode) : element,
  );
}

export function columnsOf(node: SyntaxNode): string[] {
  return node.columns.map(({ name }) => name);
}
