import { setTimeout as sleep } from "node:timers/promises";
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
// A reader that has seen enough, such as `head`.
process.stdout.on("error", () => process.exit(0));

const exit = await runCommandLine(process.argv.slice(2), {
  version: KEYHOLD_VERSION,
  output: { out: (text) => console.log(text), err: (text) => console.error(text) },
  clock: Date.now,
  pause: (ms) =>
    sleep(ms, undefined, { signal: interrupted.signal }).then(
      () => true,
      () => false,
    ),
  connect,
  operatorOf,
});

// Whatever is still under way is of no use to anybody; what was written must be out first.
process.stdout.write("", () => process.stderr.write("", () => process.exit(exit)));
