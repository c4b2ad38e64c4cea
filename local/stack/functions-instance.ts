/** One process of the functions host with the built app: an instance in Azure's terms. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Limits } from "../emulators/functions-host/platform.ts";
import { openLogFile } from "./log-file.ts";
import { clockAheadMs } from "./network/clock.ts";
import type { ClockMessage } from "./network/clock-messages.ts";

/** Differences from Azure's host, or a closer match to it than is convenient. */
export interface HostOptions {
  /** The app's output becomes log records line by line, with the levels that Azure's host assigns. */
  strictLog?: boolean;
  /** Platform limits that differ from Azure's. */
  limits?: Partial<Limits>;
  onProcess?: (pid: number) => void;
}

interface InstanceOptions extends HostOptions {
  /** The folder that is deployed: host.json, package.json and dist. Default: this repository. */
  root?: string;
  /** App settings, and the variables that the platform itself would set. */
  settings: Record<string, string>;
  httpPort: number;
  httpsPort: number;
  tls: { certificateFile: string; privateKeyFile: string };
  /** CA file that the process trusts in addition to the public ones. */
  caFile: string;
  /** Maps production host names to loopback ports. */
  routes: Record<string, number>;
  logFile: string;
}

/** A function in the host's list. */
interface ListedFunction {
  name: string;
  trigger: string;
  route?: string;
  methods?: string[];
  schedule?: string;
}

export interface FunctionsInstance {
  httpUrl: string;
  httpsUrl: string;
  functions: ListedFunction[];
  /** The capabilities that the app declared to the host. */
  capabilities: Record<string, string>;
  /** The whole output of the process so far. */
  output(): string;
  /** Moves its clock ahead by this much. Does nothing if the process has ended. */
  moveClock(byMs: number): Promise<void>;
  /** Stops as the platform stops an instance: SIGTERM, and it finishes running requests. */
  stop(): Promise<void>;
  /** Stops like a crash: SIGKILL. */
  kill(): Promise<void>;
}

const repository = fileURLToPath(new URL("../..", import.meta.url));
const preloads = ["redirect.ts", "clock.ts", "clock-messages.ts"].flatMap((file) => [
  "--import",
  fileURLToPath(new URL(`network/${file}`, import.meta.url)),
]);
const main = fileURLToPath(new URL("../emulators/functions-host/main.ts", import.meta.url));

/** The maximum size of the log file and of the previous one, in bytes each. */
const maxLogBytes = 10 * 1024 * 1024;

/** Starts an instance. Rejects if the host does not start. An app that fails to load has no functions, as in Azure. */
export async function startInstance(options: InstanceOptions): Promise<FunctionsInstance> {
  const args = [
    "--root",
    options.root ?? repository,
    "--http",
    `${options.httpPort}`,
    "--https",
    `${options.httpsPort}`,
  ];
  args.push("--cert", options.tls.certificateFile, "--key", options.tls.privateKeyFile);
  if (options.strictLog) args.push("--strict-log");
  if (options.limits) args.push("--limits", JSON.stringify(options.limits));
  const child = fork(main, args, {
    execArgv: preloads,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      // Telemetry that could not be sent is stored there, and the next process of the same app sends it.
      TMPDIR: dirname(options.logFile),
      NODE_EXTRA_CA_CERTS: options.caFile,
      LOCAL_ROUTES: JSON.stringify(options.routes),
      LOCAL_CLOCK_AHEAD_MS: `${clockAheadMs()}`,
      ...options.settings,
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  if (child.pid !== undefined) options.onProcess?.(child.pid);
  const chunks: string[] = [];
  const log = openLogFile(options.logFile, maxLogBytes);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      chunks.push(chunk);
      log.write(chunk);
    });
  }
  const exited = once(child, "close");
  const ready = new Promise<ReadyMessage>((resolve) =>
    child.once("message", (message) => resolve(message as ReadyMessage)),
  );
  const failed = exited.then(() => {
    throw new Error(`Keyhold did not start:\n${chunks.join("").trim()}`);
  });
  const { httpPort, httpsPort, functions, capabilities } = await Promise.race([ready, failed]);
  failed.catch(() => undefined);
  return {
    httpUrl: `http://localhost:${httpPort}`,
    httpsUrl: `https://localhost:${httpsPort}`,
    functions,
    capabilities,
    output: () => chunks.join(""),
    moveClock: (byMs) => moveClock(child, exited, byMs),
    stop: () => end(child, exited, "SIGTERM"),
    kill: () => end(child, exited, "SIGKILL"),
  };
}

interface ReadyMessage {
  httpPort: number;
  httpsPort: number;
  functions: ListedFunction[];
  capabilities: Record<string, string>;
}

/** After the first message, the process's only messages are answers to this one. */
async function moveClock(child: ChildProcess, exited: Promise<unknown>, byMs: number): Promise<void> {
  if (!child.connected) return;
  const moved = once(child, "message");
  child.send({ moveClockMs: byMs } satisfies ClockMessage);
  await Promise.race([moved, exited]);
}

async function end(child: ChildProcess, exited: Promise<unknown>, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  await exited;
}
