/**
 * The local development host: loads the built app and serves it over HTTP and, where asked, HTTPS until it is
 * stopped. It stands in for the Azure Functions host on a developer's machine; it is not hardened, scales nothing, and
 * binds no storage, queue or other service.
 *
 *   node local/emulators/functions-host/main.ts --root . --http 7071 [--https 7443 --cert cert.pem --key key.pem]
 *     [--strict-log] [--limits '{"terminateMs":500}']
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { createAdminHandler, summarise } from "./admin-api.ts";
import { captureConsole } from "./console-lines.ts";
import type { App } from "./core-api.ts";
import { createFunctionHandler } from "./function-handler.ts";
import type { HostJson } from "./host-json.ts";
import { type FrontServer, listen } from "./listener.ts";
import { keepGenerationsApart, readJson } from "./load-app.ts";
import { warn } from "./log.ts";
import { readOptions } from "./options.ts";
import { requestLimits } from "./platform.ts";
import { orderWarnings, type Router } from "./routes.ts";
import { shutDown } from "./shutdown.ts";
import { startSupervisor } from "./supervisor.ts";
import { createThrottle } from "./throttle.ts";

async function main(): Promise<void> {
  const { root, limits, http, https, tls, strictLog } = await readOptions();
  if (strictLog) captureConsole();
  keepGenerationsApart();
  const hostJson = await readJson<HostJson>(root, "host.json");
  const { worker } = await startSupervisor({ root, hostJson, limits }, () => process.kill(process.pid, "SIGTERM"));
  const { app, router, timers } = await worker();
  warnOfDifferences(app, router);
  const summaries = summarise(app, router);
  const throttle = createThrottle(requestLimits(hostJson));
  const next = createFunctionHandler({ scheme: "http", limits, throttle, worker });
  const handler = createAdminHandler({ worker, summaries, next });
  const servers: FrontServer[] = [await listen({ port: http, option: "--http", limits, handler })];
  if (https !== undefined && tls) {
    const secure = createFunctionHandler({ scheme: "https", limits, throttle, worker });
    servers.push(await listen({ port: https, option: "--https", tls, limits, handler: secure }));
  }
  onceTold(async () => shutDown(servers, await worker(), limits));
  timers.start();
  // The app's output during the load is written in this turn of the event loop, before the message.
  await nextTurn();
  const [httpPort, httpsPort] = servers.map(({ port }) => port);
  const { capabilities } = app;
  if (process.connected) process.send?.({ type: "ready", httpPort, httpsPort, functions: summaries, capabilities });
}

function warnOfDifferences(app: App, router: Router): void {
  const keyed = [...app.functions.values()].filter(({ metadata }) =>
    Object.values(metadata.bindings).some(({ authLevel }) => authLevel && authLevel.toLowerCase() !== "anonymous"),
  );
  const names = keyed.map(({ metadata }) => metadata.name).join(", ");
  if (names) warn(`this host does not check function keys, which Azure does for: ${names}`);
  for (const warning of orderWarnings(router)) warn(warning);
}

/** Stops once, on a signal. If the parent process has ended, the host exits at once and abandons running requests. */
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
  // The parent may have ended while the app was loading.
  if (process.send && !process.connected) process.exit();
}

function fail(error: unknown): never {
  process.stderr.write(`functions-host: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
