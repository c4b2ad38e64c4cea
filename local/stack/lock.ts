/**
 * One stack per folder, and one set of ports per stack. The folder's lock names the process that holds it and the
 * processes that this one has started, so that the remains of a killed stack can be found and ended.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface StackProcess {
  pid: number;
  /** A part of its command line. The system reuses pids, and only a process with this text is the intended one. */
  command: string;
}

interface LockFile extends StackProcess {
  children: StackProcess[];
}

export interface FolderLock {
  /** Records a process that must not outlive this one. */
  add(child: StackProcess): void;
  release(): void;
}

const endsWithinMs = 5000;

/** @throws Error if another stack runs in the folder. The message names it and the setting to change. */
export async function lockFolder(folder: string, command: string): Promise<FolderLock> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "lock.json");
  const mine: LockFile = { pid: process.pid, command, children: [] };
  while (!create(file, mine)) {
    const other = read(file);
    if (other && runs(other)) throw new Error(heldMessage(folder, other.pid));
    for (const child of other?.children ?? []) await endLeftOver(child);
    rmSync(file, { force: true });
  }
  return {
    add(child) {
      mine.children.push(child);
      writeFileSync(file, JSON.stringify(mine));
    },
    release: () => rmSync(file, { force: true }),
  };
}

function heldMessage(folder: string, pid: number): string {
  return (
    `a local stack runs in ${folder} already, process ${pid}. Stop it (Ctrl-C in its terminal, or kill ${pid}), or start ` +
    "this one beside it: LOCAL_FOLDER names a folder of its own, and each LOCAL_*_PORT a free port (local/README.md)"
  );
}

/** False if there is already a lock. */
function create(file: string, lock: LockFile): boolean {
  try {
    writeFileSync(file, JSON.stringify(lock), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Undefined if it was removed in the meantime, or cannot be read, for example after a full disk. */
function read(file: string): LockFile | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** Ends a process; one that hangs is killed. */
async function endLeftOver(child: StackProcess): Promise<void> {
  if (!runs(child)) return;
  console.log(`ending process ${child.pid} (${child.command}), which an earlier stack left behind`);
  process.kill(child.pid, "SIGTERM");
  for (const deadline = Date.now() + endsWithinMs; runs(child); await sleep(50)) {
    if (Date.now() > deadline) process.kill(child.pid, "SIGKILL");
  }
}

function runs({ pid, command }: StackProcess): boolean {
  try {
    // Signal 0 only checks. A process of another user is not ours.
    process.kill(pid, 0);
    return execFileSync("ps", ["-ww", "-p", `${pid}`, "-o", "args="], { encoding: "utf8" }).includes(command);
  } catch (error) {
    // Without `ps`, as on Windows, the pid alone must do.
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
