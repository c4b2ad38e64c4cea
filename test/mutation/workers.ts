import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { repository } from "../support/source-tree.ts";
import type { Order, Report } from "./worker.ts";

/** `unhandled` and `ended`: to be confirmed in a process of its own. */
export type WorkerResult = Report | "timed out" | "ended";

export interface Workers {
  run(order: Order, limitMs: number): Promise<WorkerResult>;
  stop(): void;
}

interface Worker {
  child: ChildProcess;
  runs: number;
}

const script = fileURLToPath(new URL("worker.ts", import.meta.url));
/** Each has its own copy of what it has loaded. */
const maxWorkers = 4;
/** What was loaded for a mutant stays in memory. */
const maxRuns = 150;

/** Processes that run one test file each, again and again. Not for two orders at the same time. */
export function createWorkers(): Workers {
  /** By test file, the last used one at the end. */
  const workers = new Map<string, Worker>();

  function end(testFile: string): void {
    workers.get(testFile)?.child.kill("SIGKILL");
    workers.delete(testFile);
  }

  function workerFor(testFile: string): Worker {
    if ((workers.get(testFile)?.runs ?? 0) >= maxRuns) end(testFile);
    const [oldest] = workers.keys();
    if (!workers.has(testFile) && workers.size >= maxWorkers && oldest !== undefined) end(oldest);
    const worker = workers.get(testFile) ?? { child: start(), runs: 0 };
    workers.delete(testFile);
    workers.set(testFile, worker);
    return worker;
  }

  return {
    async run(order, limitMs) {
      const worker = workerFor(order.testFile);
      worker.runs += 1;
      const limit = AbortSignal.timeout(Math.ceil(limitMs));
      const given = new AbortController();
      const signal = AbortSignal.any([limit, given.signal]);
      worker.child.send(order);
      const answered = once(worker.child, "message", { signal }).then(([report]) => report as Report);
      const ended = once(worker.child, "exit", { signal }).then(() => "ended" as const);
      const result: WorkerResult = await Promise.race([answered, ended]).catch(() => "timed out");
      given.abort();
      await Promise.allSettled([answered, ended]);
      if (result !== "passed" && result !== "failed") end(order.testFile);
      return result;
    },
    stop() {
      for (const testFile of [...workers.keys()]) end(testFile);
    },
  };
}

function start(): ChildProcess {
  const env = { ...process.env, NODE_NO_WARNINGS: "1" };
  return fork(script, { cwd: repository, env, stdio: ["ignore", "ignore", "ignore", "ipc"] });
}
