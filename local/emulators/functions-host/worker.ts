/**
 * The worker: the loaded app and the parts that serve it. The real worker is a separate process; here it shares the
 * process of the host. So the code of a lost worker stays loaded, and its timers and open connections remain until the
 * host ends.
 */
import { type App, createApp } from "./core-api.ts";
import { functionTimeoutMs, type HostJson } from "./host-json.ts";
import { createInvoker, type Invoker } from "./invoke.ts";
import { loadApp, Unsupported } from "./load-app.ts";
import type { Limits } from "./platform.ts";
import { createRouter, type Router } from "./routes.ts";
import { createTimers, type Timers } from "./timers.ts";

export interface Worker {
  app: App;
  router: Router;
  invoker: Invoker;
  timers: Timers;
}

export interface WorkerParts {
  root: string;
  hostJson: HostJson;
  limits: Limits;
  /** The number of this worker within the host, from 1. */
  generation: number;
  /** An invocation has exceeded `functionTimeout`. */
  onTimeout(functionName: string): void;
}

/**
 * Loads the app. If that fails, the worker has no functions, as in Azure, and the reason is only logged.
 * @throws Error if the app loads, but the host refuses its functions.
 */
export async function startWorker(parts: WorkerParts): Promise<Worker> {
  const { hostJson, limits } = parts;
  const app = await loadInTime(parts).catch((error: unknown) => {
    if (error instanceof Unsupported) throw error;
    reportLoadError(error);
    return createApp();
  });
  const router = createRouter(app.functions.values(), hostJson.extensions?.http?.routePrefix ?? "api");
  const timeoutMs = functionTimeoutMs(hostJson);
  const timeout =
    timeoutMs === undefined ? undefined : { afterMs: timeoutMs + limits.timeoutGraceMs, onElapsed: parts.onTimeout };
  const invoker = createInvoker(app, timeout);
  return { app, router, invoker, timers: createTimers(app, invoker) };
}

async function loadInTime({ root, generation, limits }: WorkerParts): Promise<App> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`the app did not load in ${limits.loadMs / 1000} s`)), limits.loadMs);
  try {
    return await Promise.race([loadApp(root, generation), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes through the console, as the worker does: the host may capture the lines one by one. */
function reportLoadError(error: unknown): void {
  console.error(error instanceof Error ? error.stack : error);
  console.error("functions-host: the app failed to load, so every route is 404");
}
