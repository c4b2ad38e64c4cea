import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapping } from "node:module";
import { fileURLToPath } from "node:url";
import type { FramesOf } from "../../domain/shared/fault.ts";
import { type CallSite, callSitesOf } from "./call-sites.ts";

export interface StackFrames {
  /** Positions in the bundle's files, as the process runs them. Cheap. */
  framesOf: FramesOf;
  /**
   * The same frames with the source's function, file from the repository's root, line and column; those of packages by
   * the package's source. Frames that are not from `framesOf` come back as they are. Never throws. The first one reads
   * and decodes a source map, which blocks for 0.1 to 0.3 s.
   */
  inSource(frames: readonly string[]): readonly string[];
}

const maxFrames = 12;

/** The map of a bundle's file is beside it (`<file>.map`). It is read at the first error in that file, and kept. */
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
    // `stack` and `message` may be getters that foreign code defined.
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

/** Node's answer has `name`, its types do not. */
function entryAt(map: SourceMap, line: number, column: number): (SourceMapping & { name?: string }) | undefined {
  const entry: SourceMapping | object = map.findEntry(line - 1, column - 1);
  return "originalSource" in entry ? entry : undefined;
}

/** The text between the start of a function, as V8 sees it, and its name. */
const beforeName = ["function ", "function*", "async function ", "async function*"].map(({ length }) => length);

/**
 * Its name in the source: the bundle's names are short, and the map knows the place where each stands. An arrow function
 * has its name before it (`name=async()=>`). Methods keep their names. A name that is made of a value may be anything, so
 * only what looks like a name of ours is one.
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

/**
 * The path from the repository's root. Sources of maps are relative to the bundle; those of packages may be URLs of
 * their own.
 */
function sourcePath(source: string): string {
  const [, ofPackage] = /(?:^|\/)(node_modules\/.+)$/.exec(source) ?? [];
  const [, ofOther] = /^[a-z]+:\/\/+(?!\/)(.+)$/.exec(source) ?? [];
  const [, own] = /^(?:.*\/)?(src\/.+)$/.exec(source) ?? [];
  return ofPackage ?? ofOther ?? own ?? baseName(source);
}

/** The position in a file that has no map: Node itself, the worker around us, or the source where it runs unbundled. */
function filePath(file: string): string {
  if (file.startsWith("node:")) return file;
  const [, known] = /\/(node_modules\/.+|src\/.+\.ts)$/.exec(file) ?? [];
  return known ?? baseName(file);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
