import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Metafile } from "esbuild";
import { buildBundle, deployableOptions } from "../../build.ts";

/** Apps as they are deployed, in folders of their own, so that a concurrent build does not affect the measurement. */
const repository = fileURLToPath(new URL("../..", import.meta.url));
const keyholdEntry = join(repository, "src/main.ts");
const helloEntry = fileURLToPath(new URL("hello.ts", import.meta.url));
const bothEntry = fileURLToPath(new URL("keyhold-with-hello.ts", import.meta.url));

/** Keyhold as it is built for Azure: one bundle, no node_modules. */
export async function buildKeyhold(folder: string): Promise<{ root: string; metafile: Metafile }> {
  const root = await createRoot(folder, "keyhold");
  return { root, metafile: await buildBundle(join(root, "dist")) };
}

/** Keyhold and hello in one app, and so in one process. */
export async function buildKeyholdWithHello(folder: string): Promise<string> {
  const root = await createRoot(folder, "keyhold-with-hello");
  await build(optionsOf(bothEntry, join(root, "dist/index.js")));
  return root;
}

/** Keyhold and hello in readable form, for profiles. */
export async function buildReadable(folder: string): Promise<{ keyhold: string; hello: string }> {
  const roots = {
    keyhold: await createRoot(folder, "readable-keyhold"),
    hello: await createRoot(folder, "readable-hello"),
  };
  await build(optionsOf(keyholdEntry, join(roots.keyhold, "dist/index.js"), { minify: false }));
  await build(optionsOf(helloEntry, join(roots.hello, "dist/index.js"), { minify: false }));
  return roots;
}

/** Keyhold without a bundle: its own code in one file, every package from node_modules. */
export async function buildUnbundled(folder: string): Promise<string> {
  const root = await createRoot(folder, "unbundled");
  await symlink(join(repository, "node_modules"), join(root, "node_modules"));
  await build({ ...unbundledOptionsOf(keyholdEntry, join(root, "dist")), entryNames: "index" });
  return root;
}

/** An app with only `hello`, with a standard bundle: the floor of what the host allows. */
export async function buildHello(folder: string): Promise<string> {
  const root = await createRoot(folder, "hello");
  await build(optionsOf(helloEntry, join(root, "dist/index.js"), { alias: {} }));
  return root;
}

/** The same, built like Keyhold, with Azure's packages from their source. */
export async function buildModernHello(folder: string): Promise<string> {
  const root = await createRoot(folder, "modern-hello");
  await build(optionsOf(helloEntry, join(root, "dist/index.js")));
  return root;
}

/** The same, with every package from node_modules. */
export function unbundledOptionsOf(entry: string, outdir: string): BuildOptions {
  return { ...deployableOptions(entry, outdir), packages: "external", alias: {}, logLevel: "error" };
}

/** The build options of the deployable, for another entry and output file. */
export function optionsOf(entry: string, outfile: string, more: BuildOptions = {}): BuildOptions {
  const { dir, name, ext } = parse(outfile);
  const names = { entryNames: name, outExtension: { ".js": ext } };
  return { ...deployableOptions(entry, dir), ...names, logLevel: "error", ...more };
}

async function createRoot(folder: string, name: string): Promise<string> {
  const root = join(folder, name);
  await mkdir(join(root, "dist"), { recursive: true });
  await writeFile(join(root, "package.json"), JSON.stringify({ type: "module", main: "dist/index.js" }));
  await cp(join(repository, "host.json"), join(root, "host.json"));
  return root;
}
