import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's own TypeScript files, and the imports of each. */
export const repository = fileURLToPath(new URL("../..", import.meta.url));

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  path: string;
  text: string;
}

export interface Import {
  from: string;
  /** As written: a package, or a path. */
  specifier: string;
  /** The imported file, relative to the root of the repository; undefined for a package. */
  target: string | undefined;
}

export const codeFolders = ["src", "local", "bench", "test", "clients", "infra"];

export function readSources(folders: readonly string[] = codeFolders): SourceFile[] {
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: repository }));
  return files.map((path) => ({ path, text: readFileSync(join(repository, path), "utf8") }));
}

export function importsOf({ path, text }: SourceFile): Import[] {
  const found = text.matchAll(
    /^(?:import|export)\s[^"';]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  );
  return [...found].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    const target = specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : undefined;
    return { from: path, specifier, target };
  });
}

/** The files on an import cycle; undefined if there is none. */
export function findCycle(imports: readonly Import[]): string[] | undefined {
  const edges = new Map<string, string[]>();
  for (const { from, target } of imports) if (target) edges.set(from, [...(edges.get(from) ?? []), target]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of edges.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of edges.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}
