import { setTimeout as sleep } from "node:timers/promises";
import { readDeploymentOutputs } from "../config.ts";
import { exitCodes } from "./command-problem.ts";
import { connect, operatorOf } from "./connection.ts";
import { runCommandLine } from "./program.ts";

/** The version of package.json: build.ts replaces this name with it. */
declare const KEYHOLD_VERSION: string;

/** The entry of dist/cli.js. */
const interrupted = new AbortController();
process.on("SIGINT", () => {
  interrupted.abort();
  // Ends pending work that does not react to the signal. Shells expect 130 after Ctrl-C.
  setTimeout(() => process.exit(130), 500).unref();
});
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // EPIPE: the reader closed the pipe, as `head` does. After any other error, such as a full disk, the answer is
  // incomplete.
  if (error.code === "EPIPE") process.exit(0);
  const what = `error: the answer could not be written (${error.code ?? error.name})`;
  process.stderr.write(`${what}\nwhere: standard output\nremedy: check the destination, for example for a full disk\n`);
  process.exit(exitCodes.wrong);
});
// The reader of stderr is gone. The answer on stdout may still arrive.
process.stderr.on("error", () => {});

const exit = await runCommandLine(process.argv.slice(2), {
  version: KEYHOLD_VERSION,
  // Does not use the console, which ignores failed writes.
  output: {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
  },
  // Moves to the start of the line and erases it (ECMA-48: CR, EL).
  progress: process.stderr.isTTY ? (text) => void process.stderr.write(`\r\u001b[K${text}`) : () => {},
  clock: Date.now,
  pause: (ms) =>
    sleep(ms, undefined, { signal: interrupted.signal }).then(
      () => true,
      () => false,
    ),
  connect,
  operatorOf,
  deployment: readDeploymentOutputs,
});

// Pending work is not needed any more. Exits once both outputs are written or have failed.
process.stdout.write("", () => process.stderr.write("", () => setImmediate(() => process.exit(exit))));
