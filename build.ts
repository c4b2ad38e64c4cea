/**
 * Builds the deployable, one ES module, dist/index.js, and beside it the command line, dist/cli.js.
 * `@azure/functions-core` is no package but what the Functions worker serves through `require`, so it stays outside;
 * the banner gives a bundle a `require` that reaches it.
 */
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Metafile } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const banner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

const rules: BuildOptions & { metafile: true } = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minify: true,
  keepNames: true,
  sourcemap: "external",
  legalComments: "linked",
  banner: { js: banner },
  metafile: true,
  logLevel: "warning",
};

/** Says of every output what it imports. */
export async function buildBundle(outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    ...rules,
    entryPoints: ["src/index.ts"],
    outfile: `${outdir}/index.js`,
    external: ["@azure/functions-core"],
  });
  return metafile;
}

/** The operators' command line, by the same rules; it is not deployed. */
export async function buildCommandLine(outdir: string): Promise<Metafile> {
  const { metafile } = await build({ ...rules, entryPoints: ["src/cli/main.ts"], outfile: `${outdir}/cli.js` });
  return metafile;
}

if (import.meta.main) await Promise.all([buildBundle("dist"), buildCommandLine("dist")]);
