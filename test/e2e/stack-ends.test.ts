import assert from "node:assert/strict";
import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** A stack has processes of its own, Azurite and an instance: none outlives the one that started them. */
const fixture = fileURLToPath(new URL("../support/fixtures/stack-process.ts", import.meta.url));

const endings: [how: string, end: (child: ChildProcess) => void][] = [
  ["is killed", (child) => child.kill("SIGKILL")],
  ["throws while it is loaded", (child) => child.send("throw")],
];
for (const [how, end] of endings) {
  test(`when a process that started a stack ${how}, the stack's processes end too`, { timeout: 30_000 }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "keyhold-ends-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const child = fork(fixture, [folder], { silent: true });
    t.after(() => child.kill("SIGKILL"));
    const exited = once(child, "exit");
    assert.deepEqual((await once(child, "message"))[0], "ready");
    const processes = await childrenOf(child.pid);
    assert.equal(processes.length, 2);
    assert.ok(processes.every(isRunning));
    end(child);
    await exited;
    while (processes.some(isRunning)) await sleep(50);
  });
}

async function childrenOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid="]);
  const rows = stdout.trim().split("\n");
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
