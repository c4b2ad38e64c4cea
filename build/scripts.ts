/**
 * Converts esbuild's ES modules to scripts that src/scripts.ts loads. V8 keeps compiled code for scripts only. For
 * modules, Node reads it from a folder named after the user and the processor, which a package cannot contain.
 */
import { basename } from "node:path";
import { type OutputFile, transform } from "esbuild";

/** The parameters are in the order of `Wrapper` in src/scripts.ts. ES modules are strict. */
const before = '(function(module,exports,require,__url){"use strict";';
const after = "})";

/** The name by which a script reads the URL of its file, where an ES module has `import.meta.url`. */
export const urlOfScript = { "import.meta.url": "__url" };

/** `map`: the source map of the module. The names and positions of the sources pass through both steps. */
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
