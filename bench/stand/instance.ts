import type { Profiler } from "node:inspector";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FunctionsInstance, startInstance } from "../../local/stack/functions-instance.ts";
import { freePorts } from "../../local/stack/ports.ts";
import type { Stack } from "../../local/stack/stack.ts";

/** What an instance reports through its agent (agent.ts). */
export interface Agent {
  memory(): Promise<NodeJS.MemoryUsage>;
  memoryAfterGc(): Promise<NodeJS.MemoryUsage>;
  /**
   * Excludes what V8 and Node would release if memory ran out. It blocks the event loop, so do not use it under load.
   */
  memoryAtRest(): Promise<NodeJS.MemoryUsage>;
  /** Delays of the event loop since the last reset, in milliseconds. */
  lag(): Promise<{ p50: number; p99: number; max: number }>;
  resetLag(): Promise<unknown>;
  /** Microseconds of processor time so far. */
  cpu(): Promise<{ user: number; system: number }>;
  /** Affects what the clock says from now on; running timers are unchanged. */
  setClockAhead(ms: number): Promise<unknown>;
  profile(during: () => Promise<unknown>): Promise<Profiler.Profile>;
  /** Functions that ran since the last call, by file. */
  coverage(): Promise<Record<string, number>>;
}

export interface MeasuredInstance extends FunctionsInstance {
  agent: Agent;
}

/** Settings that load the agent into an instance. */
export async function agentSettings(): Promise<{ settings: Record<string, string>; agent: Agent }> {
  const { control: port } = await freePorts();
  const file = fileURLToPath(new URL("agent.ts", import.meta.url));
  return {
    settings: { NODE_OPTIONS: `--import ${file}`, BENCH_AGENT_PORT: `${port}` },
    agent: connectAgent(port),
  };
}

/** `isDirect`: without the proxy that injects storage faults, which costs a few milliseconds per write. */
export async function startMeasured(
  stack: Stack,
  root: string,
  { settings = {}, isDirect = false }: { settings?: Record<string, string>; isDirect?: boolean } = {},
): Promise<MeasuredInstance> {
  const { settings: withAgent, agent } = await agentSettings();
  const instance = await startPlain(stack, root, { settings: { ...withAgent, ...settings }, isDirect });
  return Object.assign(instance, { agent });
}

/** Starts without the agent, for measurements of the start. */
export async function startPlain(
  stack: Stack,
  root: string,
  { settings = {}, isDirect = false }: { settings?: Record<string, string>; isDirect?: boolean } = {},
): Promise<FunctionsInstance> {
  const { http, https } = await freePorts();
  const usual = stack.settings(https);
  const tableHost = new URL(usual.KEYHOLD_LEDGER_TABLE_URL ?? "").host;
  const direct = isDirect ? { [tableHost]: stack.storage.azuriteTablePort } : {};
  return startInstance({
    root,
    settings: { ...usual, ...settings },
    httpPort: http,
    httpsPort: https,
    tls: {
      certificateFile: join(stack.folder, "server.pem"),
      privateKeyFile: join(stack.folder, "server.key.pem"),
    },
    caFile: stack.authority.certificateFile,
    routes: { ...stack.routes, ...direct },
    logFile: join(stack.folder, "functions.log"),
  });
}

function connectAgent(port: number): Agent {
  const ask = async <T>(path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as T;
  return {
    memory: () => ask("/memory"),
    memoryAfterGc: () => ask("/memory-after-gc"),
    memoryAtRest: () => ask("/memory-at-rest"),
    lag: () => ask("/lag"),
    resetLag: () => ask("/lag/reset"),
    cpu: () => ask("/cpu"),
    setClockAhead: (ms) => ask(`/clock?aheadMs=${ms}`),
    async profile(during) {
      await ask("/profile/start");
      await during();
      return ask("/profile/stop");
    },
    coverage: () => ask("/coverage/take"),
  };
}
