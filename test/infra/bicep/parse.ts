import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Language, type Node, Parser } from "web-tree-sitter";
import type { Finding } from "./finding.ts";
import { readValue, type Value } from "./value.ts";

/**
 * Bicep without its compiler, which no package registry has: the grammar of tree-sitter as WebAssembly, read into plain
 * data. The templates keep to the subset of the language that this grammar knows.
 */
export interface BicepFile {
  /** From the root of the repository. */
  path: string;
  /** The text with comments blanked, at the same offsets. */
  code: string;
  root: Node;
  syntax: Finding[];
  params: Param[];
  variables: Named[];
  outputs: Named[];
  functions: string[];
  types: string[];
  resources: Resource[];
  modules: Module[];
}

export interface Named {
  name: string;
  line: number;
  value: Value;
}

export interface Param {
  name: string;
  line: number;
  /** May be left out by the caller: it has a default or is nullable. */
  optional: boolean;
  preset: Value | undefined;
  described: boolean;
}

export interface Resource {
  symbol: string;
  line: number;
  /** `Microsoft.KeyVault/vaults@2026-02-01` */
  type: string;
  existing: boolean;
  body: Value;
}

export interface Module {
  symbol: string;
  line: number;
  /** As written, relative to the file. */
  source: string;
  body: Value;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
const wasm = fileURLToPath(new URL("../../../node_modules/tree-sitter-bicep/tree-sitter-bicep.wasm", import.meta.url));
await Parser.init();
const parser = new Parser().setLanguage(await Language.load(wasm));

/** Every Bicep file under infra, by path. */
export function readInfra(): Map<string, BicepFile> {
  const paths = readdirSync(`${root}infra`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".bicep"))
    .map((name) => `infra/${name.replaceAll("\\", "/")}`);
  return new Map(paths.sort().map((path) => [path, parseBicep(path, readFileSync(`${root}${path}`, "utf8"))]));
}

export function parseBicep(path: string, text: string): BicepFile {
  const tree = parser.parse(text);
  if (tree === null) throw new Error(`${path} could not be parsed`);
  const file: BicepFile = {
    path,
    code: text,
    root: tree.rootNode,
    syntax: [],
    params: [],
    variables: [],
    outputs: [],
    functions: [],
    types: [],
    resources: [],
    modules: [],
  };
  for (const node of tree.rootNode.descendantsOfType("comment")) {
    if (!node) continue;
    const blank = node.text.replace(/[^\n]/g, " ");
    file.code = file.code.slice(0, node.startIndex) + blank + file.code.slice(node.endIndex);
  }
  findSyntaxErrors(tree.rootNode, file);
  let decorators: Node | undefined;
  for (const node of tree.rootNode.namedChildren) {
    if (!node || node.type === "comment") continue;
    if (node.type === "decorators") {
      decorators = node;
      continue;
    }
    readDeclaration(node, decorators, file);
    decorators = undefined;
  }
  return file;
}

function findSyntaxErrors(node: Node, file: BicepFile): void {
  if (node.isError || node.isMissing) {
    const text = node.isMissing
      ? `a ${node.type} is missing here: add it`
      : `"${node.text.split("\n")[0]?.slice(0, 40)}" does not belong here: correct it, or write it more plainly`;
    file.syntax.push({ file: file.path, line: lineOf(node), text });
    return;
  }
  const children = node.children.filter((child) => child !== null);
  for (const [index, child] of children.entries()) {
    findSyntaxErrors(child, file);
    // Bicep parts them by lines or commas; to this grammar all space is the same.
    const before = children[index - 1];
    const areItems = separated.has(node.type) && child.isNamed && child.type !== "comment" && before?.isNamed;
    if (!areItems || before.endPosition.row !== child.startPosition.row) continue;
    // In an array it takes `f().id` for `f` and `().id`; nobody else writes two items without a space.
    if (before.endIndex === child.startIndex) continue;
    const text = `"${child.text.split("\n")[0]?.slice(0, 40)}" must stand in a line of its own: break the line before it`;
    file.syntax.push({ file: file.path, line: lineOf(child), text });
  }
}

const separated = new Set(["object", "array", "infrastructure"]);

function readDeclaration(node: Node, decorators: Node | undefined, file: BicepFile): void {
  const name = node.namedChildren.find((child) => child?.type === "identifier")?.text ?? "";
  const line = lineOf(node);
  const last = node.lastNamedChild;
  const value = readValue(last);
  const source = node.namedChildren.find((child) => child?.type === "string")?.text.slice(1, -1) ?? "";
  if (node.type === "parameter_declaration") {
    const hasPreset = node.children.some((child) => child?.type === "=");
    const optional = hasPreset || node.text.trimEnd().endsWith("?");
    const described = decorators?.namedChildren.some((each) => each?.text.startsWith("@description(")) ?? false;
    file.params.push({ name, line, optional, preset: hasPreset ? value : undefined, described });
  } else if (node.type === "variable_declaration") file.variables.push({ name, line, value });
  else if (node.type === "output_declaration") file.outputs.push({ name, line, value });
  else if (node.type === "user_defined_function") file.functions.push(name);
  else if (node.type === "type_declaration") file.types.push(name);
  else if (node.type === "module_declaration") file.modules.push({ symbol: name, line, source, body: value });
  else if (node.type === "resource_declaration") {
    const existing = node.children.some((child) => child?.type === "existing");
    file.resources.push({ symbol: name, line, type: source, existing, body: value });
  }
}

export function lineOf(node: Node): number {
  return node.startPosition.row + 1;
}
