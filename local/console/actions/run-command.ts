/** Runs exactly the command that the page shows, and passes on its output. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as world from "../../stack/world.ts";
import type { ActionContext } from "./action.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

/** @throws Error if it does not exit with 0. */
export function runCommand(args: string[], context: ActionContext, onLine: (line: string) => void): Promise<void> {
  return run(args, { LOCAL_FOLDER: context.stack.folder }, context, onLine);
}

/**
 * Runs `npm run -s keyhold --` with these settings instead of the stack's own.
 * @throws Error if it does not exit with 0.
 */
export function runKeyhold(args: string[], settings: Record<string, string>, context: ActionContext): Promise<void> {
  const { stack, say } = context;
  const env = {
    NODE_EXTRA_CA_CERTS: stack.authority.certificateFile,
    LOCAL_ROUTES: JSON.stringify(stack.routes),
    ...stack.settings(stack.ports.https),
    ...settings,
  };
  const preload = ["--import", join(repository, "local/stack/network/redirect.ts")];
  const operator = ["--operator-identity", world.operator.clientId];
  return run([...preload, "dist/cli.js", ...operator, ...args], env, context, say);
}

async function run(
  args: string[],
  env: Record<string, string>,
  { signal }: ActionContext,
  onLine: (line: string) => void,
): Promise<void> {
  const child = spawn(process.execPath, args, {
    cwd: repository,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const closed = once(child, "close") as Promise<[number | null]>;
  const read = async (stream: NodeJS.ReadableStream) => {
    for await (const line of createInterface(stream)) if (line.trim() !== "") onLine(line);
  };
  const [[code]] = await Promise.all([closed, read(child.stdout), read(child.stderr)]);
  if (code !== 0) throw new Error(`it ended with ${code}`);
}
