import { existsSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";
import type { Node } from "web-tree-sitter";
import type { Finding } from "./finding.ts";
import { type BicepFile, lineOf, type Module } from "./parse.ts";
import { at } from "./value.ts";

/**
 * Whether every name means something: identifiers, modules with their parameters and outputs, files that are loaded.
 * And whether everything that is declared is used. It does not check types.
 */
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The functions of Bicep that the templates may use. Others exist: add them when they are needed. */
const builtIn = new Set(
  `any array az base64 bool cidrHost cidrSubnet concat contains createObject dateTimeAdd deployer deployment empty
  endsWith environment filter first flatten format guid indexOf int intersection items join json last length
  loadJsonContent loadTextContent loadYamlContent map mapValues max min objectKeys padLeft range reduce reference replace
  resourceGroup resourceId skip sort split startsWith string subscription subscriptionResourceId substring sys take
  tenant tenantResourceId toLower toObject toUpper trim union uniqueString uri utcNow`.split(/\s+/),
);

export function checkReferences(file: BicepFile, files: ReadonlyMap<string, BicepFile>): Finding[] {
  const findings: Finding[] = [];
  const report = (line: number, text: string) => findings.push({ file: file.path, line, text });
  checkDeclaredTwice(file, report);
  checkUnused(file, checkIdentifiers(file, report), report);
  for (const { name, line, described } of file.params) {
    if (!described) report(line, `param ${name} has no description: put @description('...') before it`);
  }
  for (const module of file.modules) checkModule(file, module, files, report);
  checkOutputUses(file, files, report);
  checkLoadedFiles(file, report);
  return findings;
}

type Report = (line: number, text: string) => void;

function declarations(file: BicepFile): { name: string; line: number }[] {
  return [...file.params, ...file.variables, ...symbols(file)];
}

function checkDeclaredTwice(file: BicepFile, report: Report): void {
  const declared = declarations(file);
  for (const [index, { name, line }] of declared.entries()) {
    if (declared.findIndex((each) => each.name === name) < index) {
      report(line, `${name} is declared twice: rename or remove one`);
    }
  }
}

/** Returns the names that are used. */
function checkIdentifiers(file: BicepFile, report: Report): ReadonlySet<string> {
  const names = new Set(declarations(file).map(({ name }) => name));
  const used = new Set<string>();
  for (const { name, line, isCall } of identifiers(file.root)) {
    if (isCall ? builtIn.has(name) || file.functions.includes(name) : names.has(name)) used.add(name);
    else if (builtIn.has(name)) used.add(name);
    else report(line, `${name} is not declared: correct the name${isCall ? " of the function" : ", or declare it"}`);
  }
  return used;
}

function checkUnused(file: BicepFile, used: ReadonlySet<string>, report: Report): void {
  for (const { name, line } of [...file.params, ...file.variables]) {
    if (!used.has(name)) report(line, `${name} is not used: use or remove it`);
  }
  for (const { symbol, line, existing } of file.resources) {
    if (existing && !used.has(symbol)) report(line, `${symbol} is not used: use or remove it`);
  }
}

function checkLoadedFiles(file: BicepFile, report: Report): void {
  for (const match of file.code.matchAll(/\bload(?:Text|Json|Yaml)Content\('([^']+)'/g)) {
    const path = posix.join(dirname(file.path), match[1] ?? "");
    if (!existsSync(`${root}${path}`)) report(lineAt(file, match.index), `${path} does not exist: correct the path`);
  }
}

function symbols(file: BicepFile): { name: string; line: number }[] {
  return [...file.resources, ...file.modules].map(({ symbol, line }) => ({ name: symbol, line }));
}

function target(file: BicepFile, module: Module): string {
  return posix.join(dirname(file.path), module.source);
}

function checkModule(file: BicepFile, module: Module, files: ReadonlyMap<string, BicepFile>, report: Report): void {
  const path = target(file, module);
  const called = files.get(path);
  if (called === undefined) {
    return void report(module.line, `module ${path} does not exist: correct the path, or write the module`);
  }
  const passed = at(module.body, "params");
  const properties = passed?.kind === "object" ? passed.properties : [];
  for (const { name, line } of properties) {
    if (called.params.some((param) => param.name === name)) continue;
    report(line, `${path} has no parameter ${name}: correct the name, or remove it`);
  }
  for (const { name, optional } of called.params) {
    if (optional || properties.some((property) => property.name === name)) continue;
    report(module.line, `module ${module.symbol} does not get ${name}, which ${path} requires: pass it`);
  }
}

/** `module.outputs.name`, and `module.outputs.name.member` where the output is an object that is written out. */
function checkOutputUses(file: BicepFile, files: ReadonlyMap<string, BicepFile>, report: Report): void {
  for (const match of file.code.matchAll(/\b(\w+)(?:\[[^\]]*\])?[!?]?\.outputs\.(\w+)(?:\.(\w+))?/g)) {
    const [, symbol = "", name = "", member] = match;
    const line = lineAt(file, match.index);
    const module = file.modules.find((each) => each.symbol === symbol);
    if (module === undefined) {
      report(line, `${symbol} is not a module, so it has no outputs: name a module`);
      continue;
    }
    const called = files.get(target(file, module));
    const output = called?.outputs.find((each) => each.name === name);
    if (called && output === undefined)
      report(line, `${called.path} has no output ${name}: correct the name, or add it`);
    if (member === undefined || output?.value.kind !== "object" || at(output.value, member)) continue;
    report(line, `output ${name} of ${called?.path} has no member ${member}: correct the name, or add it`);
  }
}

interface Use {
  name: string;
  line: number;
  isCall: boolean;
}

/** Every identifier that is read, except those that a loop or a lambda around it declares. */
function* identifiers(node: Node, local: readonly string[] = []): Generator<Use> {
  if (node.type === "decorators" || node.type === "type" || node.type === "type_declaration") return;
  const scope = [...local, ...declares(node)];
  for (const [index, child] of node.children.entries()) {
    if (!child) continue;
    const field = node.fieldNameForChild(index);
    if (child.type !== "identifier") yield* identifiers(child, scope);
    else if (!isDeclaration(node, child, field) && !scope.includes(child.text)) {
      yield { name: child.text, line: lineOf(child), isCall: node.type === "call_expression" && field === "function" };
    }
  }
}

function isDeclaration(parent: Node, child: Node, field: string | null): boolean {
  if (field === "initializer" || parent.type === "parameter") return true;
  const isFirst = parent.namedChildren.find((each) => each?.type !== "comment")?.id === child.id;
  return isFirst && (/_declaration$|^user_defined_function$/.test(parent.type) || parent.type === "object_property");
}

function declares(node: Node): string[] {
  if (node.type === "for_statement") {
    const both = node.namedChildren.find((child) => child?.type === "for_loop_parameters");
    return (both?.namedChildren ?? [node.childForFieldName("initializer")]).map((each) => each?.text ?? "");
  }
  // The grammar takes `x => y.z` for `(x => y).z`, so a lambda's names count in all of the call around it.
  if (node.type === "call_expression") {
    return node.descendantsOfType("lambda_expression").flatMap((lambda) => {
      const first = lambda?.firstNamedChild;
      return first?.type === "identifier" ? [first.text] : (first?.namedChildren.map((each) => each?.text ?? "") ?? []);
    });
  }
  return node.type === "user_defined_function"
    ? node.descendantsOfType("parameter").map((each) => each?.firstNamedChild?.text ?? "")
    : [];
}

function lineAt(file: BicepFile, index: number): number {
  return file.code.slice(0, index).split("\n").length;
}

/** The parameter file that azd fills in: each name exists, and each parameter without a default is there. */
export function checkParameterFile(path: string, main: BicepFile, text = readFileSync(`${root}${path}`, "utf8")) {
  const { parameters } = JSON.parse(text) as { parameters: Record<string, { value: unknown }> };
  const findings: Finding[] = [];
  const lines = text.split("\n");
  for (const name of Object.keys(parameters)) {
    if (main.params.some((param) => param.name === name)) continue;
    const line = lines.findIndex((each) => each.includes(`"${name}"`)) + 1;
    findings.push({ file: path, line, text: `${main.path} has no parameter ${name}: correct the name, or remove it` });
  }
  for (const { name, optional } of main.params) {
    if (optional || Object.hasOwn(parameters, name)) continue;
    findings.push({ file: path, line: 1, text: `${name} is missing, which ${main.path} requires: add it` });
  }
  return findings;
}
