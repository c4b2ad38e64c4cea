/**
 * Loads a built app as the worker does: the files that `main` of its package.json names, in order, then the hooks of
 * the start, after which nothing can be registered any more. It does not watch the files, does not read
 * local.settings.json, and refuses `enableHttpStream`, for which the host would have to proxy.
 */
import { glob, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type App, createApp, installCoreModule } from "./core-api.ts";
import { runHooks } from "./hooks.ts";

interface PackageJson {
  main?: string;
  type?: string;
}

export async function loadApp(root: string): Promise<App> {
  const app = createApp();
  installCoreModule(app);
  const packageJson = await readJson<PackageJson>(root, "package.json");
  for (const file of await entryFiles(root, packageJson.main)) await loadFile(root, file, packageJson.type);
  await runHooks(app, "appStart", {
    hookData: app.appOnlyHookData,
    appHookData: app.appHookData,
    functionAppDirectory: root,
  });
  await finishStartup(app);
  return app;
}

export async function readJson<T>(root: string, file: string): Promise<T> {
  try {
    return JSON.parse(await readFile(join(root, file), "utf8")) as T;
  } catch (error) {
    throw new Error(`cannot read ${file} of the app: ${messageOf(error)}`);
  }
}

async function entryFiles(root: string, main: string | undefined): Promise<string[]> {
  if (!main) throw new Error("package.json of the app has no main, so there is nothing to load");
  const files: string[] = [];
  for await (const file of glob(main, { cwd: root })) files.push(file);
  if (files.length === 0)
    throw new Error(`main of package.json names "${main}", and no file matches; is the app built?`);
  return files;
}

async function loadFile(root: string, file: string, packageType: string | undefined): Promise<void> {
  const path = join(root, file);
  try {
    if (isModule(file, packageType)) await import(pathToFileURL(path).href);
    else createRequire(path)(path);
  } catch (error) {
    throw new Error(`cannot load ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function isModule(file: string, packageType: string | undefined): boolean {
  if (file.endsWith(".mjs")) return true;
  return packageType === "module" && !file.endsWith(".cjs");
}

async function finishStartup(app: App): Promise<void> {
  app.startupFinished = true;
  if (app.functions.size === 0 || !app.programmingModel) throw new Error("the app registers no function");
  // Asking for the capabilities also locks app.setup, as it does in the worker.
  const capabilities = await app.programmingModel.getCapabilities?.({});
  if (capabilities?.HttpUri) throw new Error("app.setup({ enableHttpStream: true }) is not supported by this host");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
