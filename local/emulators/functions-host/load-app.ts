/**
 * Loads a built app as the worker does: the files that `main` of its package.json names, in order, then the hooks of
 * the start, after which nothing more can be registered. It does not watch the files, does not read
 * local.settings.json, and refuses `enableHttpStream`, for which the host would have to proxy. A reloaded CommonJS app
 * gets the same instances of the modules that it requires.
 */
import { glob, readFile } from "node:fs/promises";
import { createRequire, registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type App, createApp, installCoreModule } from "./core-api.ts";
import { runHooks } from "./hooks.ts";

/** The app may be correct, but this host cannot serve it. */
export class Unsupported extends Error {}

interface PackageJson {
  main?: string;
  type?: string;
}

/** Generation 1 is the first worker. A later one evaluates the modules of the app again, beside the old ones. */
export async function loadApp(root: string, generation: number): Promise<App> {
  const app = createApp();
  installCoreModule(app);
  const packageJson = await readJson<PackageJson>(root, "package.json");
  const files = await entryFiles(root, packageJson.main);
  for (const file of files) await loadFile(root, file, packageJson.type, generation);
  await runHooks(app, "appStart", {
    hookData: app.appOnlyHookData,
    appHookData: app.appHookData,
    functionAppDirectory: root,
  });
  await finishStartup(app);
  return app;
}

/** From now on, a module of a later generation imports modules of the same generation. */
export function keepGenerationsApart(): void {
  registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const result = nextResolve(specifier, context);
      const generation = /\?generation=\d+$/.exec(context.parentURL ?? "")?.[0];
      if (generation === undefined || !result.url.startsWith("file:") || result.url.includes("?")) return result;
      return { ...result, url: result.url + generation };
    },
  });
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

async function loadFile(
  root: string,
  file: string,
  packageType: string | undefined,
  generation: number,
): Promise<void> {
  const path = join(root, file);
  const { href } = pathToFileURL(path);
  if (isModule(file, packageType)) await import(generation === 1 ? href : `${href}?generation=${generation}`);
  else {
    const require = createRequire(path);
    delete require.cache[path];
    require(path);
  }
}

function isModule(file: string, packageType: string | undefined): boolean {
  if (file.endsWith(".mjs")) return true;
  return packageType === "module" && !file.endsWith(".cjs");
}

async function finishStartup(app: App): Promise<void> {
  app.startupFinished = true;
  if (app.functions.size === 0 || !app.programmingModel) throw new Error("the app registers no function");
  // Reading the capabilities also locks app.setup, as in the worker.
  app.capabilities = (await app.programmingModel.getCapabilities?.({})) ?? {};
  if (app.capabilities.HttpUri)
    throw new Unsupported("app.setup({ enableHttpStream: true }) is not supported by this host");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
