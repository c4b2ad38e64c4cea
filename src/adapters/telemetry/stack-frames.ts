import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapping } from "node:module";
import { fileURLToPath } from "node:url";
import type { FramesOf } from "../../domain/shared/fault.ts";
import { type CallSite, callSitesOf } from "./call-sites.ts";

export interface StackFrames {
  /** The frames as positions in the bundle's files. Cheap. */
  framesOf: FramesOf;
  /**
   * The same frames with function, file (from the repository's root), line and column of the source; for packages, of
   * the package's source. Frames that are not from `framesOf` are returned unchanged. Never throws. The first call
   * reads and decodes a source map, which blocks for 0.1 to 0.3 s.
   */
  inSource(frames: readonly string[]): readonly string[];
}

const maxFrames = 12;

/** The map of a bundle file is beside it (`<file>.map`). It is read at the first error in that file and then kept. */
export function createStackFrames(): StackFrames {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (file: string): SourceMap | undefined => {
    if (!maps.has(file)) maps.set(file, readMap(file));
    return maps.get(file);
  };
  const sitesOf = new WeakMap<readonly string[], readonly CallSite[]>();
  return {
    framesOf(error) {
      const sites = error instanceof Error ? readSites(error) : [];
      const frames = sites.map((site) => describe(site, undefined));
      sitesOf.set(frames, sites);
      return frames;
    },
    inSource: (frames) => sitesOf.get(frames)?.map((site) => describe(site, mapOf(site.file))) ?? frames,
  };
}

function readSites(error: Error): CallSite[] {
  try {
    return callSitesOf(error).slice(0, maxFrames);
  } catch {
    // `stack` and `message` may be getters defined by foreign code, and may throw.
    return [];
  }
}

function readMap(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(file)}.map`, "utf8")));
  } catch {
    return undefined;
  }
}

function describe(site: CallSite, map: SourceMap | undefined): string {
  const name = functionName(site, map);
  const entry = map && entryAt(map, site.line, site.column);
  const place = entry
    ? `${sourcePath(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    : `${filePath(site.file)}:${site.line}:${site.column}`;
  return name === undefined ? place : `${name} ${place}`;
}

/** Node's result has `name`, but its types do not. */
function entryAt(map: SourceMap, line: number, column: number): (SourceMapping & { name?: string }) | undefined {
  const entry: SourceMapping | object = map.findEntry(line - 1, column - 1);
  return "originalSource" in entry ? entry : undefined;
}

/** Lengths of the texts between the start of a function, as V8 reports it, and its name. */
const beforeName = ["function ", "function*", "async function ", "async function*"].map(({ length }) => length);

/**
 * The function's name in the source. The bundle's names are shortened, and the map has the position of each. The name
 * of an arrow function is before it (`name=async()=>`). Methods keep their names. A computed name may be anything, so
 * only text that looks like one of our names is used.
 */
function functionName(
  { name, functionLine, functionColumn }: CallSite,
  map: SourceMap | undefined,
): string | undefined {
  if (name === undefined || !/^[\w$.#<>]{1,80}$/.test(name)) return undefined;
  if (!map || !functionLine || !functionColumn) return name;
  for (const distance of [...beforeName, -name.length - 1]) {
    const entry = entryAt(map, functionLine, functionColumn + distance);
    if (entry?.name && entry.generatedColumn === functionColumn + distance - 1) return entry.name;
  }
  return name;
}

/** The path from the repository's root. Sources in a map are relative to the bundle; those of packages may be URLs. */
function sourcePath(source: string): string {
  const [, ofPackage] = /(?:^|\/)(node_modules\/.+)$/.exec(source) ?? [];
  const [, ofOther] = /^[a-z]+:\/\/+(?!\/)(.+)$/.exec(source) ?? [];
  const [, own] = /^(?:.*\/)?(src\/.+)$/.exec(source) ?? [];
  return ofPackage ?? ofOther ?? own ?? baseName(source);
}

/** The path of a file without a map: Node itself, the host's worker, or the source if it runs unbundled. */
function filePath(file: string): string {
  if (file.startsWith("node:")) return file;
  const [, known] = /\/(node_modules\/.+|src\/.+\.ts)$/.exec(file) ?? [];
  return known ?? baseName(file);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
