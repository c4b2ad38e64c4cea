/**
 * Builds the deployable: one ES module, dist/index.js. `@azure/functions-core` is no package but what the Functions
 * worker serves through `require`, so it stays outside; the banner gives the bundle a `require` that reaches it.
 */
import { build } from "esbuild";

await build({
  entryPoints: ["src/index.ts"],
  outfile: "dist/index.js",
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minify: true,
  keepNames: true,
  sourcemap: "external",
  legalComments: "linked",
  external: ["@azure/functions-core"],
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  logLevel: "warning",
});
