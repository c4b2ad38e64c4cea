import { spawnSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { loadedAtStart } from "../../build.ts";
import { optionsOf, unbundledOptionsOf } from "../stand/app.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Reports the time since the process's first own line and its memory. */
export const reportLoad = `
  console.log(JSON.stringify({ loadMs: performance.now() - performance.nodeTiming.bootstrapComplete, rssMb: process.memoryUsage.rss() / 2 ** 20 }));
  process.exit(0);`;

/** These modules have effects when they are loaded: they read settings and register functions. */
const wiring = /^src\/(main\.ts|composition\.ts|functions\.ts)/;

/**
 * Bundles every module of ours that the deployable loads at its start, with everything that it imports and without the
 * code that uses it.
 * `metafile`: that of the deployable, so that code which it loads later is in neither of the two.
 */
export async function buildModules(
  folder: string,
  metafile: Metafile,
): Promise<{ bundled: string; unbundled: string }> {
  const place = join(folder, "modules");
  await mkdir(place);
  await symlink(join(repository, "node_modules"), join(place, "node_modules"));
  const imports: string[] = [
    'import { app } from "@azure/functions";',
    'import { ManagedIdentityCredential } from "@azure/identity";',
  ];
  const used = ["app", "ManagedIdentityCredential"];
  for (const file of loadedAtStart(metafile)) {
    if (!file.startsWith("src/") || wiring.test(file)) continue;
    const name = `m${used.length}`;
    imports.push(`import * as ${name} from ${JSON.stringify(join(repository, file))};`);
    used.push(name);
  }
  const entry = join(place, "entry.ts");
  await writeFile(entry, `${imports.join("\n")}\nglobalThis.used = [${used.join()}];\n${reportLoad}`);
  await writeFile(join(place, "package.json"), JSON.stringify({ type: "module" }));
  const bundled = join(place, "bundled.js");
  await build(optionsOf(entry, bundled));
  await build(unbundledOptionsOf(entry, join(place, "unbundled")));
  return { bundled, unbundled: join(place, "unbundled/entry.js") };
}

export function loadOnce(file: string): { loadMs: number; rssMb: number } {
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new Error(`${file} did not load: ${stderr}`);
  return JSON.parse(line) as { loadMs: number; rssMb: number };
}
