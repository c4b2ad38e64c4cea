/** How the deployed app is loaded: with the code that the build compiled where it fits, and without it everywhere else. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { codeCacheFile, createScripts } from "../../src/scripts.ts";

const folder = mkdtempSync(join(tmpdir(), "keyhold-scripts-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const fileOf = (name: string) => join(folder, name);
const open = (nameOf?: (url: string) => string) => createScripts(pathToFileURL(fileOf("index.js")).href, nameOf);

/** V8 compiles nothing twice in one process, so each test has a source of its own. */
let tests = 0;
const sourceOf = (number: number) => `(function(module,exports,require,__url){"use strict";
exports.one = require("./other.js").one;
exports.join = require("node:path").join;
exports.url = __url;
exports.fail = () => { throw new Error("failed"); };
exports.number = ${number};
})`;

/** As V8 wrote it, behind the eight bytes that are ours. */
function recorded(): Buffer {
  const scripts = open(() => "main.js");
  scripts.load("main.js");
  const { script, source } = scripts.loaded.get("main.js") ?? assert.fail();
  return codeCacheFile(source, script.createCachedData());
}

/** Loads main.js and says whether V8 took the code cache. What it exports is the same in both cases. */
function load(): boolean | undefined {
  const scripts = open();
  const exported = scripts.load("main.js") as { one: number; join: unknown; url: string };
  assert.deepEqual([exported.one, exported.join, exported.url], [1, join, pathToFileURL(fileOf("main.js")).href]);
  return scripts.loaded.get("main.js")?.isPrecompiled;
}

beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(fileOf(name));
  tests += 1;
  writeFileSync(fileOf("main.js"), sourceOf(tests));
  writeFileSync(fileOf("other.js"), "(function(module,exports){exports.one = 1})");
  writeFileSync(fileOf("main.codecache"), recorded());
});

describe("a code cache", () => {
  test("that fits is taken", () => assert.equal(load(), true));

  test("that is not there is not needed", () => {
    rmSync(fileOf("main.codecache"));
    assert.equal(load(), false);
  });

  const damage: Record<string, (file: Buffer) => Buffer> = {
    "that is empty": () => Buffer.alloc(0),
    "that ends after its header": (file) => file.subarray(0, 8),
    "that is cut off": (file) => file.subarray(0, -1),
    "of which one bit is another": (file) => {
      file[file.length - 9] = (file.at(-9) ?? 0) ^ 1;
      return file;
    },
    "that is something else": () => Buffer.from("#!/bin/sh\n".repeat(50)),
    "of V8 in another version": (file) => {
      const data = Buffer.from(file.subarray(8));
      data[4] = (data[4] ?? 0) ^ 1; // The version's hash is the second number of V8's header.
      return codeCacheFile(readFileSync(fileOf("main.js")), data);
    },
    "of V8 under other flags": (file) => {
      const data = Buffer.from(file.subarray(8));
      data[12] = (data[12] ?? 0) ^ 1; // The hash of the flags is the fourth.
      return codeCacheFile(readFileSync(fileOf("main.js")), data);
    },
  };
  for (const [what, damaged] of Object.entries(damage)) {
    test(`${what} is left aside, and the app runs`, () => {
      writeFileSync(fileOf("main.codecache"), damaged(readFileSync(fileOf("main.codecache"))));
      assert.equal(load(), false);
    });
  }

  test("of another source of the same length is left aside, for V8 compares the length alone", () => {
    writeFileSync(fileOf("main.js"), sourceOf(tests).replace('"failed"', '"FAILED"'));
    assert.equal(load(), false);
  });
});

test("a load writes nothing", () => {
  writeFileSync(fileOf("main.codecache"), "foreign");
  const state = () => readdirSync(folder).map((name) => [name, statSync(fileOf(name)).mtimeMs]);
  const before = state();
  load();
  assert.deepEqual(state(), before);
});

test("a script runs once, however often it is asked for", () => {
  const scripts = open();
  assert.equal(scripts.load("main.js"), scripts.load("main.js"));
  assert.deepEqual([...scripts.loaded.keys()], ["main.js", "other.js"]);
});

test("a stack names the script where it lies, and not where it was compiled", () => {
  const { fail } = open().load("main.js") as { fail: () => void };
  assert.throws(fail, ({ stack }: Error) => stack?.includes(`${pathToFileURL(fileOf("main.js")).href}:5:`) === true);
});

test("what a script throws while it is loaded reaches whoever loads it", () => {
  writeFileSync(fileOf("main.js"), '(function(){throw new TypeError("not now")})');
  assert.throws(() => open().load("main.js"), new TypeError("not now"));
});
