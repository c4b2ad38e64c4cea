/**
 * The process that compiles a bundle for its code cache: `node --random-seed=1 build/record-code-cache.ts <dist>`. It
 * loads the app with the sample settings, and what the app would load later, and writes beside each script what V8 has
 * compiled of it by then. All of it is one turn of the event loop, so nothing is sent, and with a seed for V8's hashes
 * the result is the same each time.
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
// It says why the app cannot be composed, and then there is nothing worth keeping.
console.error = (line: string) => {
  throw new Error(line);
};

/** Stands in for the module that the worker serves. What is registered is called by nobody. */
const core = { registerFunction() {}, registerHook() {}, setProgrammingModel() {}, log() {} };
const prototype: { require: (this: unknown, id: string) => unknown } = Module.prototype;
const original = prototype.require;
prototype.require = function (id) {
  return id === "@azure/functions-core" ? core : original.call(this, id);
};

const names = readdirSync(folder);
// What was recorded before must not be built upon.
for (const name of names) if (name.endsWith(codeCacheOf(".js"))) rmSync(join(folder, name));
// V8 writes the name too, and whoever loads the script gives it another. A part of a string would be written with the
// whole of it, which is a path of this machine.
const nameOf = (url: string) => Buffer.from(basename(url)).toString();
const scripts = createScripts(pathToFileURL(join(folder, "index.js")).href, nameOf);
scripts.load("main.js");
for (const name of names.sort()) if (/^later-.*\.js$/.test(name)) scripts.load(name);
for (const [name, { script, source }] of scripts.loaded) {
  writeFileSync(join(folder, codeCacheOf(name)), codeCacheFile(source, script.createCachedData()));
}
process.exit(0);
