/**
 * One log record as one line of JSON. It writes every level: the levels of host.json are not applied, so that a
 * developer sees all the app says.
 */
import type { Writable } from "node:stream";

interface LogLine {
  level: string;
  message: string;
  function?: string;
  invocationId?: string;
}

export function writeLog(stream: Writable, line: LogLine): void {
  const { level, invocationId, message } = line;
  const record = { time: new Date().toISOString(), level, function: line.function, invocationId, message };
  stream.write(`${JSON.stringify(record)}\n`);
}

/** A record of the host itself. */
export function warn(message: string): void {
  writeLog(process.stdout, { level: "warning", message });
}

/** What is written of an error: with its stack where it has one. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
