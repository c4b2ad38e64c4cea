/**
 * The strict form of the log: what the app writes to its standard output and error becomes log records line by line,
 * as in the real host, which sees nothing else of it. A line of stdout is Information; the level of a line of stderr
 * is guessed from its words. So of a message with several lines only those that name it pass as errors.
 */
import { type OutputName, writeLog } from "./log.ts";

/** From now on all writes of this process, the host's own records excepted, are taken line by line. */
export function captureConsole(): void {
  for (const output of ["stdout", "stderr"] as const) {
    const onText = lineSplitter((line) => writeLog(output, { level: levelOf(output, line), message: line }));
    process[output].write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
      onText(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
      const done = rest.find((argument) => typeof argument === "function");
      if (done) process.nextTick(done);
      return true;
    };
  }
}

export function levelOf(output: OutputName, line: string): "information" | "warning" | "error" {
  if (output === "stdout") return "information";
  if (/warn/i.test(line)) return "warning";
  return /error|fail|severe/i.test(line) ? "error" : "information";
}

function lineSplitter(onLine: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") onLine(line);
  };
}
