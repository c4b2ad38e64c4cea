/**
 * The process that compiles a bundle for its code cache: `node --random-seed=1 build/record-code-cache.ts <dist>`. It
 * loads the app with the sample settings, and the files that the app would load later, and writes beside each script
 * the code that V8 has compiled by then. All of this is one turn of the event loop, so nothing is sent. With a seed for
 * V8's hashes, the result is the same each time.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import Module from "node:module";
import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { codeCacheFile, codeCacheOf, createScripts } from "../src/scripts.ts";

const folder = resolve(process.argv[2] ?? "");
const root = fileURLToPath(new URL("..", import.meta.url));
const { Values: settings } = JSON.parse(readFileSync(join(root, "local.settings.sample.json"), "utf8"));
Object.assign(process.env, settings);
// The app logs here if it cannot be composed. Then there is nothing to record.
console.error = (line: string) => {
  throw new Error(line);
};

/** Stands in for the module that the worker serves. Registered functions are never called. */
const core = { registerFunction() {}, registerHook() {}, setProgrammingModel() {}, log() {} };
const prototype: { require: (this: unknown, id: string) => unknown } = Module.prototype;
const original = prototype.require;
prototype.require = function (id) {
  return id === "@azure/functions-core" ? core : original.call(this, id);
};

const names = readdirSync(folder);
// Deletes earlier recordings, so that they are not used here.
for (const name of names) if (name.endsWith(codeCacheOf(".js"))) rmSync(join(folder, name));
// V8 also writes the name, and each loader of the script uses a different one. A substring would be written together
// with its whole string, which is a path on this machine, so the name is copied.
const nameOf = (url: string) => Buffer.from(basename(url)).toString();
const scripts = createScripts(pathToFileURL(join(folder, "index.js")).href, nameOf);
scripts.load("main.js");
for (const name of names.sort()) if (/^later-.*\.js$/.test(name)) scripts.load(name);
for (const [name, { script, source }] of scripts.loaded) {
  writeFileSync(join(folder, codeCacheOf(name)), codeCacheFile(source, script.createCachedData()));
}
process.exit(0);
