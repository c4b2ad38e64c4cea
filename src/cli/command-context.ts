import type { TokenCredential } from "@azure/identity";
import type { Output, Report } from "./command-problem.ts";
import type { Connection, ConnectOptions } from "./connection.ts";

/** What all commands share. Tests replace the connection, and catch the output. */
export interface CommandEnvironment {
  /** Of this command line, as package.json has it: `0.1.0`. */
  version: string;
  output: Output;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Waits; false when the operator has had enough (Ctrl-C). */
  pause: (ms: number) => Promise<boolean>;
  connect: (options: ConnectOptions) => Connection;
  /** Who the operator is, where nothing else is needed. */
  operatorOf: (options: ConnectOptions) => TokenCredential;
}

export interface CommandContext extends CommandEnvironment {
  /** Runs the body of a command, and writes what it reports. */
  run(
    body: (connect: () => Connection, isJson: boolean, operator: () => TokenCredential) => Promise<Report>,
  ): Promise<void>;
}
