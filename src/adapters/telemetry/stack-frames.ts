import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapping } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Where an error was made: `function src/folder/file.ts:line:column` for each frame, the innermost first, at most as
 * many as `Error.stackTraceLimit`. Frames of bundled packages are shown by the package's source, those of Node as
 * `node:...`. Nothing of the message (invariant I6) and no path of the machine; empty where there is no stack. Never
 * throws.
 */
export type FramesOf = (error: unknown) => readonly string[];

/** Where a frame is, as V8 says it, or as far as the text of a stack tells. Lines and columns count from 1. */
interface Site {
  file: string;
  line: number;
  column: number;
  name?: string;
  /** Start of the function around it, which the source map knows by its name in the source. */
  functionLine?: number | null;
  functionColumn?: number | null;
}

/** The maps lie beside the bundle's files, are read with the first error in a file, and are kept from then on. */
export function createFramesOf(): FramesOf {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (file: string): SourceMap | undefined => {
    if (!maps.has(file)) maps.set(file, readMap(file));
    return maps.get(file);
  };
  return (error) => {
    try {
      return error instanceof Error ? sitesOf(error).map((site) => describe(site, mapOf(site.file))) : [];
    } catch {
      return [];
    }
  };
}

function readMap(file: string): SourceMap | undefined {
  try {
    // Node's own SourceMap decodes it whole: some 0.1 s and 25 MB for the entry's file.
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(file)}.map`, "utf8")));
  } catch {
    return undefined;
  }
}

/** V8 calls this when a stack is read for the first time. The text of a stack holds the message, call sites do not. */
function sitesOf(error: Error): Site[] {
  const before = Error.prepareStackTrace;
  let sites: Site[] | undefined;
  Error.prepareStackTrace = (of, callSites) => {
    if (of === error) sites = callSites.flatMap(siteOf);
    return [of, ...callSites].join("\n    at ");
  };
  try {
    const text = error.stack ?? "";
    return sites ?? sitesIn(text, error.message);
  } finally {
    Error.prepareStackTrace = before as NonNullable<typeof before>;
  }
}

function siteOf(site: NodeJS.CallSite): Site[] {
  const [file, line, column] = [site.getFileName(), site.getLineNumber(), site.getColumnNumber()];
  if (!file || line === null || column === null) return [];
  const name = site.getFunctionName();
  const around = { functionLine: site.getEnclosingLineNumber(), functionColumn: site.getEnclosingColumnNumber() };
  return [{ file, line, column, ...around, ...(name && { name }) }];
}

/**
 * Somebody has read the stack before, so all there is is its text: only what follows the message is looked at, and only
 * for places. A message that was changed since hides them, rather than being taken for one.
 */
function sitesIn(stack: string, message: string): Site[] {
  const start = stack.indexOf(message);
  if (start === -1) return [];
  const places = stack.slice(start + message.length).matchAll(/^ {4}at .*?((?:file|node):[^\s()]+):(\d+):(\d+)\)?$/gm);
  return [...places].map(([, file = "", line, column]) => ({ file, line: Number(line), column: Number(column) }));
}

function describe(site: Site, map: SourceMap | undefined): string {
  const name = functionName(site, map);
  const entry = map && entryAt(map, site.line, site.column);
  const place = entry
    ? `${sourcePath(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    : `${filePath(site.file)}:${site.line}:${site.column}`;
  return name === undefined ? place : `${name} ${place}`;
}

/** `name` is in Node's answer and not in its types. */
function entryAt(map: SourceMap, line: number, column: number): (SourceMapping & { name?: string }) | undefined {
  const entry: SourceMapping | object = map.findEntry(line - 1, column - 1);
  return "originalSource" in entry ? entry : undefined;
}

/** What stands between the start of a function, as V8 sees it, and its name. */
const beforeName = ["function ", "function*", "async function ", "async function*"].map(({ length }) => length);

/**
 * In the source: the bundle's names are short, and the map knows the place where each stands. An arrow function has its
 * name before it (`name=async()=>`). Methods keep their names. Only what can be a name: some are made of values.
 */
function functionName({ name, functionLine, functionColumn }: Site, map: SourceMap | undefined): string | undefined {
  if (name === undefined || !/^[\w$.#<>]{1,80}$/.test(name)) return undefined;
  if (!map || !functionLine || !functionColumn) return name;
  for (const distance of [...beforeName, -name.length - 1]) {
    const entry = entryAt(map, functionLine, functionColumn + distance);
    if (entry?.name && entry.generatedColumn === functionColumn + distance - 1) return entry.name;
  }
  return name;
}

/** From the repository's root. Sources of maps are relative to the bundle; those of packages may be URLs of their own. */
function sourcePath(source: string): string {
  const [, ofPackage] = /(?:^|\/)(node_modules\/.+)$/.exec(source) ?? [];
  const [, ofOther] = /^[a-z]+:\/\/+(?!\/)(.+)$/.exec(source) ?? [];
  const [, own] = /^(?:.*\/)?(src\/.+)$/.exec(source) ?? [];
  return ofPackage ?? ofOther ?? own ?? baseName(source);
}

/** Of a file that has no map: Node itself, the worker around us, or the source where it runs as it is. */
function filePath(file: string): string {
  if (file.startsWith("node:")) return file;
  const [, known] = /\/(node_modules\/.+|src\/.+\.ts)$/.exec(file) ?? [];
  return known ?? baseName(file);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
