/**
 * A server of a relying party as a child process: starts it, waits until it is ready, and stops it. Its output is kept.
 */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export interface ServerProcess {
  pid: number;
  /** Its standard output and standard error. */
  output(): string;
  isRunning(): boolean;
  signal(name: NodeJS.Signals): void;
  /** Resolves when it has ended. It is killed if it does not end within 5 s. */
  stop(): Promise<void>;
}

export interface ServerCommand {
  program: string;
  parameters: string[];
  environment?: Record<string, string>;
  /** Called every 50 ms, for 10 s at most, with the output so far. */
  isReady: (output: string) => boolean | Promise<boolean>;
  /** More output to show if it does not start. */
  log?: () => string;
}

/** @throws Error with the whole output of the server if it ends early or is not ready after 10 s */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  let output = "";
  const child = spawn(command.program, command.parameters, {
    env: { PATH: `${process.env.PATH ?? ""}:/usr/sbin`, LC_ALL: "C", ...command.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.on("error", (error) => {
    output += error.message;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
  }
  const killAtExit = (): boolean => child.kill("SIGTERM");
  process.once("exit", killAtExit);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const fail = (what: string) => new Error(`${command.program} ${what}:\n${output}${command.log?.() ?? ""}`);

  for (let attempt = 0; !(await command.isReady(output)); attempt += 1) {
    if (!isRunning()) throw fail("did not start");
    if (attempt === 200) {
      child.kill("SIGKILL");
      throw fail("is not ready");
    }
    await sleep(50);
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    isRunning,
    signal: (name) => void child.kill(name),
    stop: async () => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await exited;
      clearTimeout(timer);
      process.off("exit", killAtExit);
    },
  };
}
