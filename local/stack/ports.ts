/**
 * Ports of the local stack, all on loopback. Each can be overridden. A port in use is reported with the option that
 * changes it.
 */
import { createServer } from "node:net";

export const portOptions = {
  https: { preset: 7443, variable: "LOCAL_HTTPS_PORT", what: "Keyhold over HTTPS" },
  http: { preset: 7071, variable: "LOCAL_HTTP_PORT", what: "Keyhold over HTTP, as Core Tools serves it" },
  control: { preset: 7100, variable: "LOCAL_CONTROL_PORT", what: "the control interface" },
  keyVault: { preset: 7101, variable: "LOCAL_KEY_VAULT_PORT", what: "the Key Vault emulator" },
  entra: { preset: 7102, variable: "LOCAL_ENTRA_PORT", what: "the Entra emulator" },
  managedIdentity: { preset: 7103, variable: "LOCAL_MANAGED_IDENTITY_PORT", what: "the managed identity endpoint" },
  monitor: { preset: 7104, variable: "LOCAL_MONITOR_PORT", what: "the Azure Monitor emulator" },
  console: { preset: 7105, variable: "LOCAL_CONSOLE_PORT", what: "the console" },
  blob: { preset: 10000, variable: "LOCAL_BLOB_PORT", what: "Azurite's blobs" },
  queue: { preset: 10001, variable: "LOCAL_QUEUE_PORT", what: "Azurite's queues" },
  table: { preset: 10002, variable: "LOCAL_TABLE_PORT", what: "Azurite's tables" },
} as const;

type PortName = keyof typeof portOptions;
export type Ports = Record<PortName, number>;

const names = Object.keys(portOptions) as PortName[];

/** Reads the ports from the environment, and reports all unusable ones at once. */
export async function readPorts(env: Readonly<Record<string, string | undefined>>): Promise<Ports> {
  const problems: string[] = [];
  const ports = {} as Ports;
  const other = await stackAt(Number(env[portOptions.control.variable] ?? portOptions.control.preset));
  for (const name of names) {
    const { preset, variable, what } = portOptions[name];
    const port = Number(env[variable] ?? preset);
    ports[name] = port;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) problems.push(`${variable} must be a port, 1 to 65535`);
    else if (!(await isFree(port))) {
      const by = other?.ports.includes(port) ? ` by the local stack of process ${other.pid} in ${other.folder}` : "";
      problems.push(`port ${port} (${what}) is taken${by}: stop what uses it, or set ${variable} to another`);
    }
  }
  if (problems.length > 0)
    throw new Error(`The local stack does not start:\n${problems.map((p) => `  - ${p}`).join("\n")}`);
  return ports;
}

/** The answer of a running stack's control port to `GET /stack/process`. */
export interface StackIdentity {
  pid: number;
  folder: string;
  ports: number[];
}

async function stackAt(controlPort: number): Promise<StackIdentity | undefined> {
  try {
    const url = `http://127.0.0.1:${controlPort}/stack/process`;
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    const identity = (await response.json()) as Partial<StackIdentity>;
    const isStack = response.ok && typeof identity.pid === "number" && Array.isArray(identity.ports);
    return isStack ? (identity as StackIdentity) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Below the ports that systems use for outgoing connections, which could take one between this answer and its use. Each
 * process starts at a different port, so that tests that run side by side do not choose the same ones.
 */
const [lowestFree, highestFree, perProcess] = [20_000, 32_000, 60];
let nextFree = lowestFree + ((process.pid * perProcess) % (highestFree - lowestFree));

/** Free ports for a test's own stack. */
export async function freePorts(): Promise<Ports> {
  const ports: [PortName, number][] = [];
  for (const name of names) ports.push([name, await nextFreePort()]);
  return Object.fromEntries(ports) as Ports;
}

async function nextFreePort(): Promise<number> {
  for (let looked = lowestFree; looked < highestFree; looked++) {
    const port = nextFree;
    nextFree = port + 1 < highestFree ? port + 1 : lowestFree;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${lowestFree} to ${highestFree} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
