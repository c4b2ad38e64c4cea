import { readdir, readFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";
import { basename, join } from "node:path";

const notBusy = new Set(["(idle)", "(program)", "(root)"]);

/**
 * Microseconds of busy time by owner. A sample belongs to the module nearest to the top of its stack that is in the app
 * or in the host, so that Node's work for a package is charged to the package. The app in `root` must not be minified,
 * because only then does esbuild show which lines come from which module.
 */
export async function timeByOwner(
  { nodes, samples = [], timeDeltas = [] }: Profiler.Profile,
  root: string,
): Promise<Map<string, number>> {
  const moduleAt = await modulesOf(join(root, "dist"));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const owners = new Map<number, string>();
  const ownerOf = (id: number | undefined): string => {
    const node = id === undefined ? undefined : byId.get(id);
    if (!node || id === undefined) return "Node (HTTP server, event loop)";
    const known = owners.get(id);
    if (known !== undefined) return known;
    const { url, lineNumber, functionName } = node.callFrame;
    let owner: string;
    if (functionName === "(garbage collector)") owner = "garbage collection";
    else if (url.includes("/dist/")) owner = moduleAt(url, lineNumber);
    else if (url.includes("/local/")) owner = "functions host";
    else owner = ownerOf(parents.get(id));
    owners.set(id, owner);
    return owner;
  };
  const microseconds = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    if (notBusy.has(byId.get(id)?.callFrame.functionName ?? "(idle)")) continue;
    const owner = ownerOf(id);
    microseconds.set(owner, (microseconds.get(owner) ?? 0) + Math.max(0, timeDeltas[i] ?? 0));
  }
  return microseconds;
}

/** The module from which a line of the app comes: packages by name, our files by path. */
async function modulesOf(dist: string): Promise<(url: string, line: number) => string> {
  const starts = new Map<string, [line: number, owner: string][]>();
  for (const file of await readdir(dist)) {
    if (!file.endsWith(".js")) continue;
    const lines = (await readFile(join(dist, file), "utf8")).split("\n");
    const found = lines.flatMap((line, i): [number, string][] => {
      const path = /^ *\/\/ ((?:node_modules|src|bench)\/\S+)$/.exec(line)?.[1];
      return path === undefined ? [] : [[i, ownerOfPath(path)]];
    });
    starts.set(file, found);
  }
  return (url, line) => starts.get(basename(url))?.findLast(([start]) => start <= line)?.[1] ?? "helpers of the bundle";
}

export function ownerOfPath(path: string): string {
  const afterPackages = path.split("node_modules/").at(-1) ?? path;
  if (afterPackages === path) return path;
  const [scope = "", name = ""] = afterPackages.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}
