/** Reads the events that Keyhold appends to its log, and no more of the earlier ones than needed. */
import { open } from "node:fs/promises";

/** One JSON object per line, as in the process's output. */
export interface LoggedEvent {
  event: string;
  time: string;
  [member: string]: unknown;
}

const maxPastBytes = 262_144;
const maxReadBytes = 4_194_304;

/** Each call returns the events since the previous call. The first call returns those since `sinceMs`. */
export function tailLog(file: string, sinceMs: number): () => Promise<LoggedEvent[]> {
  let position: number | undefined;
  let rest = "";
  return async () => {
    const handle = await open(file, "r").catch(() => undefined);
    if (!handle) return [];
    try {
      const { size } = await handle.stat();
      const isFirst = position === undefined;
      let from = position ?? Math.max(0, size - maxPastBytes);
      // The file was truncated, or too much was added at once for the page to show. Skips what is in between.
      if (from > size || size - from > maxReadBytes) [from, rest] = [Math.max(0, size - maxPastBytes), ""];
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
      position = from + bytesRead;
      const lines = (rest + buffer.toString("utf8", 0, bytesRead)).split("\n");
      rest = lines.pop() ?? "";
      const events = lines.map(parseEvent).filter((event) => event !== undefined);
      return isFirst ? events.filter(({ time }) => Date.parse(time) >= sinceMs) : events;
    } finally {
      await handle.close();
    }
  };
}

function parseEvent(line: string): LoggedEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line) as Partial<LoggedEvent>;
    return typeof value.event === "string" && typeof value.time === "string" ? (value as LoggedEvent) : undefined;
  } catch {
    return undefined;
  }
}
