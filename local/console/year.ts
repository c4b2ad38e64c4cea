/** A year of synthetic traffic with three incidents added, evaluated in a separate process (it takes a second or two). */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Year } from "./snapshot.ts";

const yearKeys = ["large", "medium", "small"] as const;
const script = fileURLToPath(new URL("judge-year.ts", import.meta.url));
const years = new Map<string, Promise<Year>>();

/**
 * A name selects a key by its profile in local/synthetic-year/synthetic-year.ts. Any other name selects the medium one.
 */
export function judgedYear(name: string): Promise<Year> {
  const key = yearKeys.find((each) => each === name) ?? "medium";
  const known = years.get(key) ?? judge(key);
  years.set(key, known);
  known.catch(() => years.delete(key));
  return known;
}

async function judge(key: string): Promise<Year> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, key], { maxBuffer: 16 * 1024 * 1024 });
  return JSON.parse(stdout) as Year;
}
