import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Builds the .NET project in the folder `project` into `folder`/out. Nothing is written beside the sources, no build
 * server keeps running, and the lock file decides the versions.
 */
export async function buildDotnet(project: string, folder: string): Promise<string> {
  const properties = [
    `BaseIntermediateOutputPath=${join(folder, "obj")}/`,
    "RestoreLockedMode=true",
    "UseSharedCompilation=false",
    "RunAnalyzers=false",
  ].map((property) => `-p:${property}`);
  const output = join(folder, "out");
  const args = ["build", project, "--nologo", "--verbosity", "quiet", "--output", output, "-nodeReuse:false"];
  const env = { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: "1" };
  // The compiler's errors are in standard output.
  await run("dotnet", [...args, ...properties], { env, timeout: 170_000 }).catch(({ message, stdout }) =>
    assert.fail(`${message}\n${stdout}`),
  );
  return output;
}
