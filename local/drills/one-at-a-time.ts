/**
 * Drills that move the clock of the vault's log run one after the other, even if started from several terminals or
 * pages.
 */
import { readFileSync, rmSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { show } from "./running-stack.ts";

const patienceMs = 180_000;

/**
 * Runs the work while no other drill of the stack in `folder` runs. Waits for a running one, and prints that.
 * @throws Error if that drill does not end in time
 */
export async function oneAtATime(folder: string, work: () => Promise<void>): Promise<void> {
  const file = join(folder, "drill.pid");
  const untilMs = Date.now() + patienceMs;
  for (let looks = 0; !(await create(file)); looks++) {
    const pid = readPid(file);
    // Read again and removed synchronously, so that the file of a new drill is not removed.
    if (!isAlive(pid) && readPid(file) === pid) rmSync(file, { force: true });
    if (Date.now() > untilMs) throw new Error(`another drill, process ${pid}, has not ended: stop it (kill ${pid})`);
    if (looks === 0) show(`waiting, ${patienceMs / 1000} s at most`, `for another drill, process ${pid}, to end`);
    await sleep(250);
  }
  try {
    await work();
  } finally {
    await rm(file, { force: true });
  }
}

/** False if the file already exists. */
async function create(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** 0 if the file was removed in the meantime. */
function readPid(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  if (pid === 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
