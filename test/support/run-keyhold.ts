import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Stack } from "../../local/stack/stack.ts";

/** Runs the built command line on a test's stack, as `npm run -s keyhold --` does. */
export interface CommandAnswer {
  exit: number;
  stdout: string;
  stderr: string;
}

const path = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));

export function runKeyhold(
  stack: Stack,
  args: readonly string[],
  settings: Record<string, string> = {},
): Promise<CommandAnswer> {
  const env = {
    PATH: process.env.PATH,
    NODE_EXTRA_CA_CERTS: stack.authority.certificateFile,
    LOCAL_ROUTES: JSON.stringify(stack.routes),
    ...stack.settings(stack.ports.https),
    ...settings,
  };
  const argv = ["--import", path("local/stack/network/redirect.ts"), path("dist/cli.js"), ...args];
  return run(argv, env);
}

function run(argv: string[], env: Record<string, string | undefined>): Promise<CommandAnswer> {
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ exit: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

/** Runs as `npm run -s keyhold --` does in a clone: through local/keyhold.mjs, which finds the stack by its folder. */
export function runEntry(args: readonly string[], env: Record<string, string>): Promise<CommandAnswer> {
  return run([path("local/keyhold.mjs"), ...args], { PATH: process.env.PATH, ...env });
}
