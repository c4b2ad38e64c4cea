/**
 * Builds the deployable: one ES module, dist/index.js. `@azure/functions-core` is no package but what the Functions
 * worker serves through `require`, so it stays outside; the banner gives the bundle a `require` that reaches it.
 */
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const banner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/** Says of every output what it imports. */
export async function buildBundle(outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["src/index.ts"],
    outfile: `${outdir}/index.js`,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    minify: true,
    keepNames: true,
    sourcemap: "external",
    legalComments: "linked",
    external: ["@azure/functions-core"],
    banner: { js: banner },
    metafile: true,
    logLevel: "warning",
  });
  return metafile;
}

if (import.meta.main) await buildBundle("dist");
