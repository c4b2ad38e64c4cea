import { parseArgs } from "node:util";

/** What the command line of the suite and of each part says. */
export interface Options {
  /** Tiny numbers, to see that everything runs: what comes out says nothing, and goes to .local/bench. */
  quick: boolean;
  /** How long the soak lasts. */
  minutes: number;
  seed: number;
  /** Parts to run; none: all. */
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
