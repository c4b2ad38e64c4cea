/** A page's commands, and a shell that runs them one block after the other, as a user would paste them. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

/** The blocks marked `sh` of a page, in order. */
export function commandsOf(page: string): string[] {
  const text = readFileSync(new URL(`../../../${page}`, import.meta.url), "utf8");
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
}

export interface PageShell {
  /** What the block printed on stdout. Rejects with everything that was printed where a command fails. */
  run(block: string): Promise<string>;
  stop(): void;
}

export function openShell(cwd: string, env: Record<string, string>): PageShell {
  const shell = spawn("bash", ["--noprofile", "--norc"], { cwd, env });
  const printed = { out: "", err: "" };
  shell.stdout.on("data", (data) => {
    printed.out += data;
  });
  shell.stderr.on("data", (data) => {
    printed.err += data;
  });
  return {
    async run(block) {
      const mark = `done-${randomUUID()}`;
      Object.assign(printed, { out: "", err: "" });
      // A variable that nobody has set is a gap in the page; stdin is the shell's own.
      shell.stdin.write(`set -euo pipefail\n{\n${block}\n} </dev/null\nprintf '%s\\n' ${mark}\n`);
      await markOrEnd(shell, () => printed.out.includes(mark));
      if (!printed.out.includes(mark)) throw new Error(`${block}\n${printed.out}\n${printed.err}`);
      return printed.out.slice(0, printed.out.indexOf(mark));
    },
    stop: () => void shell.kill(),
  };
}

function markOrEnd(shell: ChildProcess, isDone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!isDone() && shell.exitCode === null) return;
      shell.stdout?.off("data", look);
      shell.off("close", look);
      resolve();
    };
    shell.stdout?.on("data", look);
    shell.on("close", look);
  });
}
