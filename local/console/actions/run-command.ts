/** Runs the very command that the page shows, and passes on what it prints. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ActionContext } from "./action.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

/** Throws where it does not end with 0. */
export async function runCommand(
  args: string[],
  { stack, signal }: ActionContext,
  onLine: (line: string) => void,
): Promise<void> {
  const child = spawn(process.execPath, args, {
    cwd: repository,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LOCAL_FOLDER: stack.folder },
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
