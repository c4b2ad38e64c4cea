import { parseArgs } from "node:util";

/** The command-line options of the suite and of each part. */
export interface Options {
  /** Very few samples, to check that everything runs. The results mean nothing, and are written to .local/bench. */
  quick: boolean;
  /** Duration of the soak test. */
  minutes: number;
  seed: number;
  /** Parts to run. Empty: all. */
  parts: string[];
}

export function readOptions(args: readonly string[] = process.argv.slice(2)): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { quick: { type: "boolean" }, minutes: { type: "string" }, seed: { type: "string" } },
  });
  const quick = values.quick ?? false;
  return {
    quick,
    minutes: numberOf("--minutes", values.minutes, quick ? 0.5 : 30),
    seed: numberOf("--seed", values.seed, 20_270_101),
    parts: positionals,
  };
}

function numberOf(option: string, text: string | undefined, preset: number): number {
  const value = text === undefined ? preset : Number(text);
  if (!(value > 0)) throw new Error(`${option} must be a number above 0, not "${text}"`);
  return value;
}
