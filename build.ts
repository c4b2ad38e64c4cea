/**
 * Builds the deployable, dist/index.js with the files that it loads later, and the command line, dist/cli.js.
 * `@azure/functions-core` is not a package: the Functions worker serves it through `require`, so it stays external. The
 * banner gives the bundle a `require` that reaches it.
 */
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { toScript, urlOfScript } from "./build/scripts.ts";

const root = fileURLToPath(new URL(".", import.meta.url));
const banner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/**
 * Imports of `@azure/monitor-opentelemetry` that never run as Keyhold uses it: instrumentations that are disabled,
 * other exporters (OTLP, gRPC, Zipkin, Prometheus) with their propagators and configuration files, the script for
 * browsers, and a hook around each invocation that only instrumentations need. Of `@azure/msal-node` it is the code
 * that signs with a key in the process. Code that reaches one of them after all gets a TypeError.
 */
const leftOut = {
  packages:
    /^(@opentelemetry\/(instrumentation-|exporter-|otlp-|configuration|propagator-|winston-transport)|jsonwebtoken$|@azure\/opentelemetry-instrumentation-azure-sdk|@microsoft\/applicationinsights-web-snippet)/,
  files:
    /monitor-opentelemetry\/dist\/esm\/(traces\/azureFnHook|traces\/azureSdkInstrumentation|utils\/azureSdkTracingBridge|browserSdkLoader\/browserSdkLoader)\.js$/,
};

const leaveOut: Plugin = {
  name: "leave-out",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: leftOut.packages }, ({ path }) => ({ path, namespace: "left-out" }));
    onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "module.exports = {};" }));
    onLoad({ filter: leftOut.files }, () => ({
      contents:
        "export class AzureFunctionsHook {} export class AzureSdkInstrumentation {} export class BrowserSdkLoader {} export const ensureAzureSdkTracingBridge = undefined;",
    }));
  },
};

/**
 * Packages that are bundled from the source they ship. Their compiled code targets engines of 2015, in which private
 * fields are weak maps and asynchronous functions are generators. With it, the objects of each request outlive young
 * collections: a cached answer cost half as much again, with pauses of 20 ms
 * (docs/adr/0025-azure-functions-from-source.md).
 */
const fromSource = {
  "@azure/functions": `${root}node_modules/@azure/functions/src/index.ts`,
  "@azure/functions-extensions-base": `${root}node_modules/@azure/functions-extensions-base/src/index.ts`,
};

const rules: BuildOptions & { metafile: true } = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minify: true,
  sourcemap: "external",
  sourcesContent: false,
  legalComments: "linked",
  banner: { js: banner },
  metafile: true,
  logLevel: "warning",
};

/**
 * Build options of the deployable for this entry. Code that is loaded later is in separate files, which a cold start
 * does not read.
 */
export function deployableOptions(entry: string, outdir: string): BuildOptions & { metafile: true } {
  return {
    ...rules,
    entryPoints: [entry],
    outdir,
    splitting: true,
    chunkNames: "later-[hash]",
    external: ["@azure/functions-core"],
    alias: fromSource,
    plugins: [leaveOut],
  };
}

/** Builds the deployable with its code cache. The result lists what every output of the app imports. */
export async function buildBundle(outdir: string): Promise<Metafile> {
  const [metafile] = await Promise.all([
    buildScripts("src/main.ts", outdir),
    build({ ...rules, entryPoints: ["src/index.ts"], outdir }),
  ]);
  await recordCodeCache(resolve(root, outdir));
  return metafile;
}

/** Runs in a process without the flags of this one, because V8 accepts only code from a process with the same flags. */
async function recordCodeCache(folder: string): Promise<void> {
  const script = fileURLToPath(new URL("build/record-code-cache.ts", import.meta.url));
  // Windows needs this variable for random numbers.
  const env = process.env.SystemRoot === undefined ? {} : { SystemRoot: process.env.SystemRoot };
  await promisify(execFile)(process.execPath, ["--random-seed=1", script, folder], { env });
}

/** Builds the deployable from this entry as scripts, which src/scripts.ts loads. */
export async function buildScripts(entry: string, outdir: string): Promise<Metafile> {
  const options = deployableOptions(entry, outdir);
  const asScripts = { banner: {}, define: urlOfScript, write: false } as const;
  const { metafile, outputFiles } = await build({ ...options, ...asScripts });
  await mkdir(outdir, { recursive: true });
  await Promise.all(
    outputFiles.map(async (file) => {
      if (file.path.endsWith(".map")) return;
      const map = outputFiles.find(({ path }) => path === `${file.path}.map`);
      if (!map) return writeFile(file.path, file.contents);
      const script = await toScript(file, map);
      await writeFile(file.path, script.code);
      await writeFile(map.path, script.map);
    }),
  );
  return metafile;
}

/** The modules that a cold start loads: those in the scripts that it loads. */
export function loadedAtStart(metafile: Metafile): string[] {
  return outputsAtStart(metafile).flatMap((file) => Object.keys(metafile.outputs[file]?.inputs ?? {}));
}

/** The names of the scripts that a cold start loads: main.js and its imports, except those by `import()`. */
export function filesAtStart(metafile: Metafile): string[] {
  return outputsAtStart(metafile).map((file) => basename(file));
}

function outputsAtStart({ outputs }: Metafile): string[] {
  const files = new Set(Object.keys(outputs).filter((file) => outputs[file]?.entryPoint === "src/main.ts"));
  for (const file of files) {
    const imports = outputs[file]?.imports ?? [];
    for (const { path, kind } of imports) if (kind === "import-statement" && path in outputs) files.add(path);
  }
  return [...files];
}

/** Builds the operators' command line by the same rules. It is not deployed. */
export async function buildCommandLine(outdir: string): Promise<Metafile> {
  const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));
  // `jsonc-parser` names its files in `require` in a way that esbuild cannot follow; its ES modules can be bundled.
  const { metafile } = await build({
    ...rules,
    entryPoints: ["src/cli/main.ts"],
    outfile: `${outdir}/cli.js`,
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    define: { KEYHOLD_VERSION: JSON.stringify(version) },
  });
  return metafile;
}

if (import.meta.main) {
  await rm(`${root}dist`, { recursive: true, force: true });
  await Promise.all([buildBundle("dist"), buildCommandLine("dist")]);
}
