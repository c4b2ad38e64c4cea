/**
 * `npm run pack`: packages the command line as `keyhold-<version>.tgz`, which installs anywhere and has no
 * dependencies: `npm install --global ./keyhold-<version>.tgz`. The package of this repository would also install what
 * only the deployed app and the local stack need.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildCommandLine } from "./build.ts";

const root = fileURLToPath(new URL(".", import.meta.url));
const run = promisify(execFile);

/** Uses no syntax and no API that an old Node.js lacks, so that an old one can run it and report what is wrong. */
const entry = (major: string) => `#!/usr/bin/env node
if (Number(process.versions.node.split(".")[0]) < ${major}) {
  console.error("error: keyhold needs Node.js ${major} or later");
  console.error("where: " + process.execPath + ", version " + process.versions.node);
  console.error("remedy: install Node.js ${major}, or put it first in PATH");
  process.exit(2);
} else {
  import("./cli.js");
}
`;

const readme = `# keyhold

The operators' command line of Keyhold, in one file without dependencies.

    keyhold --help
    keyhold doctor

It reads the settings of a deployment from the environment: docs/operate/cli.md in the repository, at the tag of this
version.
`;

/** Writes the package to this folder and returns its path. */
export async function packCommandLine(destination: string): Promise<string> {
  const { name, version, description, license } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const [major = ""] = (await readFile(join(root, ".node-version"), "utf8")).split(".");
  const folder = await mkdtemp(join(tmpdir(), "keyhold-pack-"));
  try {
    await buildCommandLine(folder);
    await rm(join(folder, "cli.js.map"));
    await copyFile(join(root, "LICENSE"), join(folder, "LICENSE"));
    const manifest = {
      ...{ name, version, description, license, private: true, type: "module" },
      ...{ bin: { keyhold: "keyhold.js" }, files: ["*.js", "*.txt"], engines: { node: `>=${major}` } },
    };
    await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await writeFile(join(folder, "keyhold.js"), entry(major), { mode: 0o755 });
    await writeFile(join(folder, "README.md"), readme);
    await run("npm", ["pack", folder, "--pack-destination", destination, "--silent"], { shell: isWindows });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return join(destination, `${name}-${version}.tgz`);
}

const isWindows = process.platform === "win32";

if (import.meta.main) console.log(`Packed: ${await packCommandLine(process.cwd())}`);
