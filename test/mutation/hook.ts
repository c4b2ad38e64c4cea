/** Preloaded (`node --import`): the file that MUTANT names is loaded with one change. On disk nothing is changed. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutants.ts";

/** The value of MUTANT, as JSON. */
export interface Seeded extends Pick<Mutant, "start" | "end" | "replacement"> {
  /** Of the file, `file:`. */
  url: string;
}

const seeded = JSON.parse(process.env.MUTANT ?? "null") as Seeded | null;

if (seeded) {
  registerHooks({
    load(url, context, nextLoad) {
      if (url !== seeded.url) return nextLoad(url, context);
      const text = readFileSync(fileURLToPath(url), "utf8");
      const source = text.slice(0, seeded.start) + seeded.replacement + text.slice(seeded.end);
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
}
