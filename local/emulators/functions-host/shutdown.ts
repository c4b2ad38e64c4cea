/** Ends the host in the platform's order, with a time limit for each step. */
import { setTimeout as sleep } from "node:timers/promises";
import { runHooks } from "./hooks.ts";
import type { FrontServer } from "./listener.ts";
import { warn } from "./log.ts";
import type { Limits } from "./platform.ts";
import type { Worker } from "./worker.ts";

/**
 * The listeners close and running requests are answered. Invocations that outlive their connections get more time. Then
 * the app is asked to end, and is killed if it takes too long. Its timers run until it is asked.
 */
export async function shutDown(servers: readonly FrontServer[], worker: Worker, limits: Limits): Promise<void> {
  const { app, invoker, timers } = worker;
  await Promise.all(servers.map((server) => server.stop()));
  await Promise.race([invoker.idle(), sleep(limits.invocationDrainMs)]);
  timers.stop();
  const terminated = runHooks(app, "appTerminate", { hookData: app.appOnlyHookData, appHookData: app.appHookData });
  const killed = sleep(limits.terminateMs, "killed" as const);
  if ((await Promise.race([terminated, killed])) === "killed") {
    warn(`appTerminate did not end in ${limits.terminateMs / 1000} s; the worker is killed`);
  }
}
