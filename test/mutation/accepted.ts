import { readFileSync } from "node:fs";
import type { Mutant } from "./mutants.ts";

/** A mutant that no test can notice, or need not, and why. */
export interface Accepted {
  file: string;
  /** The whole line, trimmed; `replacement` takes the place of `original` in it. */
  line: string;
  original: string;
  replacement: string;
  /** How often `original` stands in the line, where it is not once: the reason is then about each of them. */
  places?: number;
  reason: string;
}

const file = new URL("accepted.json", import.meta.url);

export function readAccepted(): Accepted[] {
  return JSON.parse(readFileSync(file, "utf8")) as Accepted[];
}

/** Whether the entry speaks of this mutant; where it stands in the file does not matter. */
export function isOf(accepted: Accepted, source: string, { lineText, original, replacement }: Mutant): boolean {
  return (
    accepted.file === source &&
    accepted.line === lineText &&
    accepted.original === original &&
    accepted.replacement === replacement
  );
}
