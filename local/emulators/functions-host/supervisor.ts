/**
 * Keeps a worker running: one that crashes, or in which an invocation exceeds its time limit, is replaced. Its running
 * requests are answered 500, and requests that arrive meanwhile wait for the next worker.
 */
import { describeError, warn, writeLog } from "./log.ts";
import { startWorker, type Worker, type WorkerParts } from "./worker.ts";

interface Supervisor {
  /** Resolves to the running worker, or to the next one while that is starting. */
  worker(): Promise<Worker>;
}

/** `onGivenUp` is called once the worker has crashed too often. @throws Error if the host refuses the app. */
export async function startSupervisor(
  parts: Omit<WorkerParts, "generation" | "onTimeout">,
  onGivenUp: () => void,
): Promise<Supervisor> {
  const { limits } = parts;
  let crashes = 0;
  let generation = 0;
  let current = start();
  process.on("uncaughtException", crash);
  await current;

  function start(): Promise<Worker> {
    generation += 1;
    const own = generation;
    const onTimeout = (name: string) => {
      if (own !== generation) return;
      warn(`"${name}" exceeded functionTimeout; the worker is replaced`);
      replace();
    };
    return startWorker({ ...parts, generation, onTimeout });
  }

  function replace(): void {
    const lost = current;
    current = lost.then(async ({ invoker, timers }) => {
      timers.stop();
      invoker.abandon();
      const next = await start();
      next.timers.start({ again: true });
      return next;
    });
    current.catch(onGivenUp);
  }

  /** An unhandled error ends the real worker's process. */
  function crash(error: unknown): void {
    crashes += 1;
    writeLog("stderr", { level: "error", message: `the worker crashed: ${describeError(error)}` });
    if (crashes < limits.maxCrashes) replace();
    else giveUp();
  }

  function giveUp(): void {
    void current.then(({ invoker }) => invoker.abandon());
    writeLog("stderr", { level: "error", message: `the worker crashed ${crashes} times; the host stops` });
    onGivenUp();
  }

  return { worker: () => current };
}
