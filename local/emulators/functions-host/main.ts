/**
 * The local development host: loads the built app and serves it over HTTP and, where asked, HTTPS until it is told to
 * stop. It stands in for the Azure Functions host on a developer's machine; it is not hardened, scales nothing, and
 * binds no storage, queue or other service.
 *
 *   node local/emulators/functions-host/main.ts --root . --http 7071 [--https 7443 --cert cert.pem --key key.pem]
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { TlsIdentity } from "../shared/certificate-authority.ts";
import { createAdminHandler, summarise } from "./admin-api.ts";
import type { App } from "./core-api.ts";
import { runHooks } from "./hooks.ts";
import { createFunctionHandler, type FrontServer, listen } from "./http-server.ts";
import { createInvoker } from "./invoke.ts";
import { loadApp, readJson } from "./load-app.ts";
import { warn } from "./log.ts";
import { createRouter, orderWarnings, type Router } from "./routes.ts";
import { createTimers } from "./timers.ts";

interface HostJson {
  extensions?: { http?: { routePrefix?: string } };
}

const drainTimeoutMs = 10_000;

async function main(): Promise<void> {
  const options = await readOptions();
  const app = await loadApp(options.root);
  const hostJson = await readJson<HostJson>(options.root, "host.json");
  const router = createRouter(app.functions.values(), hostJson.extensions?.http?.routePrefix ?? "api");
  warnOfDifferences(app, router);
  const invoker = createInvoker(app);
  const timers = createTimers(app, invoker);
  const summaries = summarise(app, router);
  const next = createFunctionHandler("http", router, invoker);
  const handler = createAdminHandler({ app, invoker, timers, summaries, next });
  const servers: FrontServer[] = [await listen({ port: options.http, option: "--http", handler })];
  const { https, tls } = options;
  if (https !== undefined && tls) {
    const secure = createFunctionHandler("https", router, invoker);
    servers.push(await listen({ port: https, option: "--https", tls, handler: secure }));
  }

  onceTold(async () => {
    timers.stop();
    const drained = Promise.all([...servers.map((server) => server.stop()), invoker.idle()]);
    await Promise.race([drained, sleep(drainTimeoutMs)]);
    await runHooks(app, "appTerminate", { hookData: app.appOnlyHookData, appHookData: app.appHookData });
  });
  timers.start();
  const [httpPort, httpsPort] = servers.map(({ port }) => port);
  if (process.connected) process.send?.({ type: "ready", httpPort, httpsPort, functions: summaries });
}

async function readOptions() {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { root: text, http: text, https: text, cert: text, key: text } });
  if (values.root === undefined || values.http === undefined) throw new Error("--root and --http are required");
  if (values.https !== undefined && (!values.cert || !values.key)) throw new Error("--https needs --cert and --key");
  return {
    root: resolve(values.root),
    http: parsePort("--http", values.http),
    https: values.https === undefined ? undefined : parsePort("--https", values.https),
    tls: values.cert && values.key ? await readIdentity(values.cert, values.key) : undefined,
  };
}

function parsePort(option: string, value: string): number {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65_535) throw new Error(`${option} must be a port number, not "${value}"`);
  return port;
}

async function readIdentity(cert: string, key: string): Promise<TlsIdentity> {
  return { certificate: await readFile(cert, "utf8"), privateKey: await readFile(key, "utf8") };
}

function warnOfDifferences(app: App, router: Router): void {
  const keyed = [...app.functions.values()].filter(({ metadata }) =>
    Object.values(metadata.bindings).some(({ authLevel }) => authLevel && authLevel.toLowerCase() !== "anonymous"),
  );
  const names = keyed.map(({ metadata }) => metadata.name).join(", ");
  if (names) warn(`this host does not check function keys, which Azure does for: ${names}`);
  for (const warning of orderWarnings(router)) warn(warning);
}

/** Stops once, on a signal. When the parent is gone nobody waits for what is under way, and it ends at once. */
function onceTold(stop: () => Promise<void>): void {
  let stopping = false;
  const onStop = () => {
    if (stopping) return;
    stopping = true;
    stop().then(() => process.exit(0), fail);
  };
  process.on("SIGTERM", onStop);
  process.on("SIGINT", onStop);
  process.on("disconnect", () => process.exit());
  // The parent may have gone while the app was being loaded.
  if (process.send && !process.connected) process.exit();
}

function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`functions-host: ${message}\n${framesOf(error)}`);
  process.exit(1);
}

/** Where in the app a failing load stopped. */
function framesOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const stack = cause instanceof Error ? (cause.stack ?? "") : "";
  const frames = stack.split("\n").filter((line) => line.startsWith("    at "));
  return frames.map((frame) => `${frame}\n`).join("");
}

main().catch(fail);
