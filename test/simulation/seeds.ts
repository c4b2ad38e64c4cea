import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { FaultName } from "./plan.ts";

export interface SeedOrder {
  seed: number;
  signatures: number;
  without: readonly FaultName[];
  /** Whether the least that still fails is looked for. */
  shrinks: boolean;
}

export interface SeedResult {
  seed: number;
  violations: string[];
  counts: Record<string, number>;
  virtualHours: number;
  cpuSeconds: number;
  instances: number;
  sharesTokens: boolean;
  logsUserAgents: boolean;
  /** Of a seed that fails. */
  least?: { signatures: number; faults: FaultName[] };
}

const file = fileURLToPath(new URL("seed.ts", import.meta.url));
/** Half of what an error costs is its stack, and errors are what is simulated. */
const flags = ["--stack-trace-limit=0"];

/** Bytes: a mistake in the code may make as many violations as there are signatures. */
const maxBuffer = 2 ** 28;

/**
 * Runs seeds, each in a process of its own, so many at once. `onResult` is called as each ends. The results are in the
 * order of the seeds.
 * @throws Error where a process ends without a result
 */
export async function runSeeds(
  orders: readonly SeedOrder[],
  jobs: number,
  onResult: (result: SeedResult) => void,
): Promise<SeedResult[]> {
  const results: SeedResult[] = [];
  const left = [...orders.entries()];
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [place, order] = next;
      const { stdout } = await promisify(execFile)(process.execPath, [...flags, file, JSON.stringify(order)], {
        maxBuffer,
      });
      const result = JSON.parse(stdout) as SeedResult;
      results[place] = result;
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return results;
}
