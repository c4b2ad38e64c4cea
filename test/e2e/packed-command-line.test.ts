/**
 * The package of the command line, as an operator installs it from a release: in a different folder, without a network.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as world from "../../local/stack/world.ts";
import { packCommandLine } from "../../pack.ts";
import { validEnv } from "../support/fixtures/settings.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "keyhold-packed-"));
after(() => rm(folder, { recursive: true, force: true }));
const prefix = join(folder, "installed");
const elsewhere = join(folder, "elsewhere");
await mkdir(elsewhere);

const env = { PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`, HOME: folder };
const file = await packCommandLine(folder);
const install = ["install", "--global", "--prefix", prefix, "--offline", "--no-audit", "--no-fund", file];
await promisify(execFile)("npm", install, { cwd: elsewhere, env });

/** No name resolves, so that no test reaches a real service. */
const offline = `import dns from "node:dns";
dns.lookup = (name, _, done) => done(Object.assign(new Error("offline"), { code: "ENOTFOUND", hostname: name }));`;
const preload = (source: string) => `--import=data:text/javascript,${encodeURIComponent(source)}`;

function keyhold(args: readonly string[], settings: Record<string, string | undefined> = {}) {
  return new Promise<{ exit: number; stdout: string; stderr: string }>((resolve) => {
    const options = { cwd: elsewhere, env: { ...env, NODE_OPTIONS: preload(offline), ...settings }, timeout: 60_000 };
    execFile(join(prefix, "bin/keyhold"), args, options, (error, stdout, stderr) => {
      resolve({ exit: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

test("the name of the package has the version, and it contains only the command line", async () => {
  const { stdout } = await promisify(execFile)("tar", ["-tzf", file]);
  const { stdout: version } = await keyhold(["--version"]);
  assert.equal(basename(file), `keyhold-${version.trim()}.tgz`);
  const names = ["LICENSE", "README.md", "cli.js", "cli.js.LEGAL.txt", "keyhold.js", "package.json"];
  assert.deepEqual(stdout.trim().split("\n").sort(), names.map((name) => `package/${name}`).sort());
});

test("the installed command prints its help, and checks a policy without settings", async () => {
  const help = await keyhold(["--help"]);
  assert.equal(help.exit, 0, help.stderr);
  assert.match(help.stdout, /^Usage: keyhold /);
  const check = await keyhold([
    "policy",
    "check",
    join(root, "policy.sample.json"),
    "--home-tenant",
    world.homeTenantId,
  ]);
  assert.deepEqual([check.exit, check.stderr], [0, ""]);
});

test("the installed doctor runs with a deployment's settings, and reports what it cannot reach", async () => {
  const { exit, stdout, stderr } = await keyhold(["doctor", "--deadline", "1"], { ...validEnv(), PATH: env.PATH });
  assert.equal(stderr, "");
  assert.equal(exit, 1);
  assert.match(stdout, /^ok {3}the settings are valid/m);
  assert.match(stdout, /^FAIL .* is reached over TLS: no trusted connection/m);
});

test("without settings the installed command explains how to connect", async () => {
  const { exit, stderr } = await keyhold(["policy", "check"]);
  assert.equal(exit, 2);
  assert.match(stderr, /^error: Keyhold is not connected: /);
});

test("on an older Node.js the error names the version, and the version that is needed", async () => {
  const older = `Object.defineProperty(process, "versions", { value: { node: "20.1.0" } })`;
  const { exit, stderr } = await keyhold(["--version"], { NODE_OPTIONS: preload(older) });
  assert.equal(exit, 2);
  assert.match(stderr, /^error: keyhold needs Node\.js 24 or later\nwhere: .*, version 20\.1\.0\nremedy: /);
});

test("npm pack of the repository itself is refused, and names the command that packs", async () => {
  const pack = promisify(execFile)("npm", ["pack", "--dry-run"], { cwd: root, env });
  await assert.rejects(pack, /npm run pack/);
});
