/**
 * Azure Storage: Azurite as a child process, over HTTPS, with bearer tokens (it checks their issuer, audience and
 * times, not their signature). It is reached under production names, which contain the account's name.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface AzuriteOptions {
  folder: string;
  accountName: string;
  ports: { blob: number; queue: number; table: number };
  tls: { certificateFile: string; privateKeyFile: string };
  /** Called with its pid, at each start. */
  onProcess?: ((pid: number) => void) | undefined;
}

interface Azurite {
  accountName: string;
  /** Base64. Created at each start of the stack. Only the stack itself uses it, to create containers and tables. */
  accountKey: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const startTimeoutMs = 20_000;
const endsWithParent = fileURLToPath(new URL("network/ends-with-parent.ts", import.meta.url));

export function createAzurite({ folder, accountName, ports, tls, onProcess }: AzuriteOptions): Azurite {
  const accountKey = randomBytes(64).toString("base64");
  let child: ChildProcess | undefined;
  return {
    accountName,
    accountKey,
    async start() {
      await mkdir(folder, { recursive: true });
      const args = [
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        `${ports.blob}`,
        "--queueHost",
        "127.0.0.1",
        "--queuePort",
        `${ports.queue}`,
        "--tableHost",
        "127.0.0.1",
        "--tablePort",
        `${ports.table}`,
        "--location",
        folder,
        "--cert",
        tls.certificateFile,
        "--key",
        tls.privateKeyFile,
        "--oauth",
        "basic",
        "--silent",
        "--skipApiVersionCheck",
        "--disableTelemetry",
      ];
      const main = join(createRequire(import.meta.url).resolve("azurite/package.json"), "../dist/src/azurite.js");
      const env = { ...process.env, AZURITE_ACCOUNTS: `${accountName}:${accountKey}` };
      const argv = ["--import", endsWithParent, main, ...args];
      const started = spawn(process.execPath, argv, { env, stdio: ["ignore", "ignore", "pipe", "ipc"] });
      child = started;
      if (started.pid !== undefined) onProcess?.(started.pid);
      let problem = "";
      started.stderr?.on("data", (chunk) => {
        problem += chunk;
      });
      const ended = once(started, "exit").then(() => {
        throw new Error(`Azurite ended while starting. ${problem.slice(0, 500)}`);
      });
      await Promise.race([Promise.all([ports.blob, ports.table].map(waitForPort)), ended]);
      ended.catch(() => undefined);
    },
    async stop() {
      const running = child;
      child = undefined;
      if (!running || running.exitCode !== null || running.signalCode !== null) return;
      const exited = once(running, "exit");
      running.kill("SIGTERM");
      await exited;
    },
  };
}

async function waitForPort(port: number): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await canConnect(port))) {
    if (Date.now() > deadline) throw new Error(`Azurite does not listen on port ${port}`);
    await sleep(50);
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
