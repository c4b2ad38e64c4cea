import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { theResource } from "./templates.ts";

/** What `azd up` builds and sends to Azure. */
const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (file: string) => readFileSync(`${root}${file}`, "utf8");
const { services } = parse(read("azure.yaml")) as { services: Record<string, Service> };
const service = services.keyhold as Service;

const expected = { project: ".", language: "ts", host: "function", remoteBuild: false };

interface Service {
  project: string;
  language: string;
  host: string;
  remoteBuild: boolean;
  hooks: { prepackage: { run: string } };
}

describe("azd", () => {
  test("it builds from the lock file, and Azure builds nothing", () => {
    assert.deepEqual(Object.keys(services), ["keyhold"]);
    const { project, language, host, remoteBuild, hooks } = service;
    assert.deepEqual({ project, language, host, remoteBuild }, expected);
    assert.equal(hooks.prepackage.run, "npm ci && npm run build");
  });

  test("it finds the app by the tag that the template sets", () => {
    const { tags } = theResource("Microsoft.Web/sites");
    assert.deepEqual(tags, { "azd-env-name": "sample", "azd-service-name": "keyhold" });
  });

  test("it sends the bundle, host.json and package.json, and nothing else that is here", () => {
    const here = new Set([...readdirSync(root), "dist", "node_modules"]); // before a build too
    const sent = [...here].filter((name) => !isIgnored(name, read(".funcignore")));
    assert.deepEqual(sent.sort(), ["LICENSE", "dist", "host.json", "node_modules", "package.json"]);
    assert.ok(isIgnored("node_modules/zod", read(".funcignore")), "node_modules is sent empty");
  });

  test("it sends the code caches and source maps of the bundle, and not the command line", () => {
    for (const name of [
      "index.js",
      "main.js.map",
      "main.codecache",
      "later-ABCD1234.js.map",
      "later-ABCD1234.codecache",
    ])
      assert.ok(!isIgnored(`dist/${name}`, read(".funcignore")), name);
    for (const name of ["cli.js", "cli.js.map"]) assert.ok(isIgnored(`dist/${name}`, read(".funcignore")), name);
  });

  // azd 1.23.12 and later refuse remoteBuild: false where node_modules itself is ignored.
  test("it is not kept from doing so by a line for node_modules, of which only the content is ignored", () => {
    assert.equal(isIgnored("node_modules", read(".funcignore")), false);
    assert.equal(isIgnored("node_modules", "node_modules\n"), true);
    assert.equal(isIgnored("node_modules/zod", "node_modules/*\n"), true);
  });
});

/** As far as .funcignore goes: names, with `*` for any characters of one. */
function isIgnored(path: string, ignore: string): boolean {
  return ignore
    .split("\n")
    .map((line) => line.trim().replace(/\/$/, ""))
    .filter((line) => line !== "" && !line.startsWith("#"))
    .some((line) => new RegExp(`^${line.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`).test(path));
}
