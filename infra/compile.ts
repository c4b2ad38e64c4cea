/**
 * Bicep's own compiler over the templates. Two of its results are committed: `main.json`, which ARM and the portal read, and
 * `main.snapshot.json`, every resource that `main.bicepparam` deploys with its name and values, so that a review sees
 * what a change deploys. `npm run generate` writes them, and a test compares them.
 */
import { execFile } from "node:child_process";
import { chmodSync, existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const folder = fileURLToPath(new URL(".", import.meta.url));
const project = join(folder, "compiler.csproj");

/** The sample subscription and tenant of the snapshot. */
const sampleScope = [
  ...["--subscription-id", "00000000-0000-4000-8000-000000000001"],
  ...["--tenant-id", "00000000-0000-4000-8000-000000000002"],
  ...["--location", "westeurope"],
];

/** How to get a compiler, for whoever has none. */
export const howToGetBicep =
  "Install Bicep 0.49.2 (`bicep` on the PATH, or its path in BICEP_CLI), or on Linux the .NET SDK 10, by which it is restored.";

/**
 * The path of a Bicep compiler: BICEP_CLI, `bicep` on the PATH, or restored from NuGet into its packages folder.
 * Undefined where none can be had.
 */
export async function findBicep(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (env.BICEP_CLI) return env.BICEP_CLI;
  const folders = (env.PATH ?? "").split(delimiter);
  const installed = folders.map((each) => join(each, "bicep")).find((file) => existsSync(file));
  return installed ?? (await restoreBicep(env));
}

async function restoreBicep(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const [, name = "", version = ""] =
    /Include="([^"]+)" Version="\[([^\]]+)\]"/.exec(await readFile(project, "utf8")) ?? [];
  const packages = env.NUGET_PACKAGES ?? join(homedir(), ".nuget", "packages");
  const file = join(packages, name.toLowerCase(), version, "tools", "bicep");
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  if (!existsSync(file)) await restore(env);
  if (!existsSync(file)) return undefined;
  chmodSync(file, 0o755);
  return file;
}

/** In a folder of its own: what a restore leaves beside the project is of no use. A failure leaves no compiler. */
async function restore(env: NodeJS.ProcessEnv): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "keyhold-restore-"));
  await cp(project, join(work, "compiler.csproj"));
  await run("dotnet", ["restore", work], { env }).catch(() => undefined);
  await rm(work, { recursive: true });
}

/** Runs `use` on a copy of the templates, which it may change. */
export async function withCopy<T>(use: (root: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), "keyhold-bicep-"));
  try {
    await cp(folder, root, { recursive: true });
    return await use(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

/**
 * Writes `main.json` and `main.snapshot.json` of the templates in `root`.
 * @returns what the compiler and its linter complain of, one line each with the path below `root`.
 */
export async function compile(bicep: string, root: string): Promise<string[]> {
  const [complaints] = await Promise.all([build(bicep, root), predict(bicep, root)]);
  return complaints;
}

/** Writes `main.json`. @returns as `compile`; where one of them is an error nothing is written. */
export async function build(bicep: string, root: string): Promise<string[]> {
  const { stdout, stderr } = await run(bicep, ["build", join(root, "main.bicep")]).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => line.replaceAll(`${root}/`, ""));
}

/** Writes `main.snapshot.json`. @throws where a template or the parameters have an error. */
export async function predict(bicep: string, root: string): Promise<void> {
  await run(bicep, ["snapshot", join(root, "main.bicepparam"), ...sampleScope]);
  const file = join(root, "main.snapshot.json");
  const { outputs, ...rest } = JSON.parse(await readFile(file, "utf8")) as { outputs: Record<string, string> };
  // The compiler writes outputs in another order each time.
  const sorted = Object.fromEntries(Object.entries(outputs).sort(([a], [b]) => (a < b ? -1 : 1)));
  await writeFile(file, `${JSON.stringify({ ...rest, outputs: sorted }, undefined, 2)}\n`);
}

/** Formats every file in `root`. */
export async function format(bicep: string, root: string): Promise<void> {
  await run(bicep, ["format", "--pattern", join(root, "**/*.bicep")]);
}
