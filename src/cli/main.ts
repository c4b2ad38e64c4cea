import { setTimeout as sleep } from "node:timers/promises";
import { readDeploymentOutputs } from "../config.ts";
import { exitCodes } from "./command-problem.ts";
import { connect, operatorOf } from "./connection.ts";
import { runCommandLine } from "./program.ts";

/** The version of package.json: build.ts puts it in place of this name. */
declare const KEYHOLD_VERSION: string;

/** The entry of dist/cli.js. */
const interrupted = new AbortController();
process.on("SIGINT", () => {
  interrupted.abort();
  // Whatever does not wait for it ends now; 130 is what a shell expects after Ctrl-C.
  setTimeout(() => process.exit(130), 500).unref();
});
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as `head`. Anything else, such as a full disk, is an answer that is not whole.
  if (error.code === "EPIPE") process.exit(0);
  const what = `error: the answer could not be written (${error.code ?? error.name})`;
  process.stderr.write(`${what}\nwhere: standard output\nremedy: check the destination, for example for a full disk\n`);
  process.exit(exitCodes.wrong);
});
// Nobody reads what else there is to say; what was asked for may still arrive.
process.stderr.on("error", () => {});

const exit = await runCommandLine(process.argv.slice(2), {
  version: KEYHOLD_VERSION,
  // Not the console: it ignores that a write fails.
  output: {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
  },
  // Back to the beginning of the line, and what is right of it erased (ECMA-48: CR, EL).
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

// Whatever is still under way is of no use to anybody; what was written must be out first, or its failure be known.
process.stdout.write("", () => process.stderr.write("", () => setImmediate(() => process.exit(exit))));
