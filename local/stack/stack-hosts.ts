/** Production host names that the local stack answers, and the loopback port for each. */
import { queryHosts } from "../emulators/azure-monitor/emulator.ts";
import type { Ports } from "./ports.ts";
import * as world from "./world.ts";

const authorityHosts = ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"];
export const graphHost = "graph.microsoft.com";
const storageHosts = ["blob", "queue", "table"].map((service) => `${world.storageAccount}.${service}.core.windows.net`);

/** The names in the server certificate that all of them share. */
export const serverNames = [
  "localhost",
  "127.0.0.1",
  world.vaultHost,
  ...authorityHosts,
  graphHost,
  ...storageHosts,
  ...queryHosts,
  world.telemetryHost,
  world.liveHost,
];

export function routesOf(ports: Ports): Record<string, number> {
  const routes: Record<string, number> = { [world.vaultHost]: ports.keyVault };
  for (const host of [...authorityHosts, graphHost]) routes[host] = ports.entra;
  for (const host of [...queryHosts, world.telemetryHost, world.liveHost]) routes[host] = ports.monitor;
  for (const [i, host] of storageHosts.entries()) routes[host] = [ports.blob, ports.queue, ports.table][i] ?? 0;
  return routes;
}
