/**
 * ES modules of esbuild -> scripts that src/scripts.ts loads. V8 keeps compiled code for scripts only: for modules Node
 * takes it from a folder that is named after the user and the processor, which no package can hold.
 */
import { basename } from "node:path";
import { type OutputFile, transform } from "esbuild";

/** In the order of `Wrapper` in src/scripts.ts. ES modules are strict. */
const before = '(function(module,exports,require,__url){"use strict";';
const after = "})";

/** What an ES module says for the URL of its file, as a script does. */
export const urlOfScript = { "import.meta.url": "__url" };

/** `map`: of the module. The names and places of the sources go through both steps. */
export function toScript(module: OutputFile, map: OutputFile): Promise<{ code: string; map: string }> {
  const inline = Buffer.from(map.contents).toString("base64");
  return transform(`${module.text}\n//# sourceMappingURL=data:application/json;base64,${inline}`, {
    format: "cjs",
    platform: "node",
    target: "node24",
    minify: true,
    sourcefile: basename(module.path),
    sourcemap: "external",
    sourcesContent: false,
    // `import()` of another script becomes a `require` of it.
    supported: { "dynamic-import": false },
    banner: before,
    footer: after,
  });
}
