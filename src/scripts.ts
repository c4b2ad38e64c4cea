import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

/** What a script's file evaluates to (build/scripts.ts). `url`: of the file. */
type Wrapper = (module: { exports: unknown }, exports: unknown, require: (id: string) => unknown, url: string) => void;

interface Loaded {
  script: Script;
  source: Buffer;
  /** V8 took the code cache that lies beside it. */
  isPrecompiled: boolean;
  module: { exports: unknown };
}

export interface Scripts {
  /** What the script exports. It runs once. @throws what reading, compiling or running it throws */
  load(file: string): unknown;
  /** By file name. */
  readonly loaded: ReadonlyMap<string, Loaded>;
}

/**
 * The scripts of a bundle, in the folder of the file with this URL. They find each other by `require`, and so Node's
 * modules and what the worker serves. `nameOf`: what V8 calls a script, in stacks and in what it compiles.
 */
export function createScripts(nextTo: string, nameOf = (url: string) => url): Scripts {
  const loaded = new Map<string, Loaded>();
  const requireOther = createRequire(nextTo);
  const require = (id: string) => (id.startsWith("./") ? load(id.slice(2)) : requireOther(id));

  function load(file: string): unknown {
    const known = loaded.get(file);
    if (known) return known.module.exports;
    const url = new URL(file, nextTo).href;
    const path = fileURLToPath(url);
    const source = readFileSync(path);
    const cachedData = readCodeCache(path, source);
    const script = new Script(source.toString("utf8"), { filename: nameOf(url), ...(cachedData && { cachedData }) });
    const isPrecompiled = script.cachedDataRejected === false;
    const module: Loaded["module"] = { exports: {} };
    loaded.set(file, { script, source, isPrecompiled, module });
    (script.runInThisContext() as Wrapper)(module, module.exports, require, url);
    return module.exports;
  }

  return { load, loaded };
}

/** Bytes before V8's own data: CRC-32 of the source, and of the data. */
const headerBytes = 8;

/**
 * V8's code cache of a script; undefined where there is none, or where it is damaged or of another source. V8 itself
 * refuses what another version, another build or other flags have compiled, and does not see that data is damaged.
 */
function readCodeCache(path: string, source: Buffer): Buffer | undefined {
  let file: Buffer;
  try {
    file = readFileSync(codeCacheOf(path));
  } catch {
    return undefined;
  }
  if (file.length <= headerBytes) return undefined;
  const data = file.subarray(headerBytes);
  const fits = file.readUInt32LE(0) === crc32(source) && file.readUInt32LE(4) === crc32(data);
  return fits ? data : undefined;
}

/** The content of a code cache's file. `data`: of V8 (`createCachedData`). */
export function codeCacheFile(source: Buffer, data: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(crc32(source), 0);
  header.writeUInt32LE(crc32(data), 4);
  return Buffer.concat([header, data]);
}

/** `main.js` -> `main.codecache`. */
export function codeCacheOf(file: string): string {
  return file.replace(/\.js$/, ".codecache");
}
