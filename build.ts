/**
 * Builds the deployable, dist/index.js with what it loads later, and beside it the command line, dist/cli.js.
 * `@azure/functions-core` is no package but what the Functions worker serves through `require`, so it stays outside;
 * the banner gives a bundle a `require` that reaches it.
 */
import { readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const banner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/**
 * What `@azure/monitor-opentelemetry` imports and what it never runs as Keyhold calls it: instrumentations that are
 * switched off, other exporters (OTLP, gRPC, Zipkin, Prometheus) with their propagators and configuration files, the
 * script for browsers, and a hook around each invocation that only instrumentations need. Whoever reaches one of them
 * after all gets a TypeError.
 */
const leftOut = {
  packages:
    /^(@opentelemetry\/(instrumentation-|exporter-|otlp-|configuration|propagator-|winston-transport)|@azure\/opentelemetry-instrumentation-azure-sdk|@microsoft\/applicationinsights-web-snippet)/,
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
 * Packages that are bundled from the source they ship. What they have compiled is for engines of 2015, in which private
 * fields are weak maps and asynchronous functions generators: the objects of each request then outlive young
 * collections, which made a cached answer cost half as much again and pause for 20 ms at a time
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

/** The deployable from this entry. Code that is loaded later is in separate files, which a cold start does not read. */
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

/** Says of every output what it imports. */
export async function buildBundle(outdir: string): Promise<Metafile> {
  return (await build(deployableOptions("src/index.ts", outdir))).metafile;
}

/** The modules that a cold start loads: those of the entry's file, and of what it imports, except by `import()`. */
export function loadedAtStart({ outputs }: Metafile): string[] {
  const files = new Set(Object.keys(outputs).filter((file) => outputs[file]?.entryPoint === "src/index.ts"));
  for (const file of files) {
    for (const { path, kind } of outputs[file]?.imports ?? []) if (kind === "import-statement") files.add(path);
  }
  return [...files].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
}

/** The operators' command line, by the same rules; it is not deployed. */
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
