/**
 * The strict form of the log: the app's writes to standard output and standard error become log records line by line,
 * as in the real host, which sees only these lines. A line of stdout is Information. The level of a line of stderr is
 * guessed from its words, so of a message with several lines, only the lines with such a word count as errors.
 */
import { type OutputName, writeLog } from "./log.ts";

/** Captures all later writes of this process line by line, except the host's own records. */
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
