import { readFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";
import { fileURLToPath } from "node:url";

/** Whose time it was, and which part of all busy time. */
export interface Share {
  owner: string;
  part: number;
}

const notBusy = new Set(["(idle)", "(program)", "(root)"]);

/**
 * Splits busy time by owner: a sample belongs to the module nearest to the top of its stack that lies in the app or in
 * the host, so that what Node does for a package is charged to the package. `bundle` is not minified, since esbuild
 * says only then which lines come from which module.
 */
export async function timeByOwner({ nodes, samples = [] }: Profiler.Profile, bundle: string): Promise<Share[]> {
  const moduleOf = await modulesOf(bundle);
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
    else if (url.endsWith("/dist/index.js")) owner = moduleOf(lineNumber);
    else if (url.includes("/local/")) owner = "functions host";
    else owner = ownerOf(parents.get(id));
    owners.set(id, owner);
    return owner;
  };
  const counts = new Map<string, number>();
  let busy = 0;
  for (const id of samples) {
    if (notBusy.has(byId.get(id)?.callFrame.functionName ?? "(idle)")) continue;
    busy += 1;
    counts.set(ownerOf(id), (counts.get(ownerOf(id)) ?? 0) + 1);
  }
  return [...counts].map(([owner, count]) => ({ owner, part: count / (busy || 1) })).sort((a, b) => b.part - a.part);
}

/** Which module a line of the bundle comes from: packages by name, files of ours by path. */
async function modulesOf(bundle: string): Promise<(line: number) => string> {
  const starts: [line: number, owner: string][] = [];
  for (const [i, line] of (await readFile(bundle, "utf8")).split("\n").entries()) {
    const path = /^ *\/\/ ((?:node_modules|src|bench)\/\S+)$/.exec(line)?.[1];
    if (path !== undefined) starts.push([i, ownerOfPath(path)]);
  }
  return (line) => starts.findLast(([start]) => start <= line)?.[1] ?? "helpers of the bundle";
}

export function ownerOfPath(path: string): string {
  const afterPackages = path.split("node_modules/").at(-1) ?? path;
  if (afterPackages === path) return path;
  const [scope = "", name = ""] = afterPackages.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}

/** The bundle that an app's root holds. */
export function bundleOf(root: string): string {
  return fileURLToPath(new URL(`file://${root}/dist/index.js`));
}
