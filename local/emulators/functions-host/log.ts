/**
 * Writes one log record as one line of JSON. All levels are written: the levels of host.json are not applied, so that a
 * developer sees everything the app logs.
 */

interface LogLine {
  level: string;
  message: string;
  function?: string;
  invocationId?: string;
}

export type OutputName = "stdout" | "stderr";

/** Saved before the app's output may be captured. */
const outputs = {
  stdout: process.stdout.write.bind(process.stdout) as (text: string) => boolean,
  stderr: process.stderr.write.bind(process.stderr) as (text: string) => boolean,
};

export function writeLog(output: OutputName, line: LogLine): void {
  const { level, invocationId, message } = line;
  const record = { time: new Date().toISOString(), level, function: line.function, invocationId, message };
  outputs[output](`${JSON.stringify(record)}\n`);
}

/** A record of the host itself. */
export function warn(message: string): void {
  writeLog("stdout", { level: "warning", message });
}

/** The text of an error for the log: its stack if it has one. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
