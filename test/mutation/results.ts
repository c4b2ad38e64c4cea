import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repository } from "../support/source-tree.ts";
import { isOf, readAccepted } from "./accepted.ts";
import type { Mutant } from "./mutants.ts";

export type Outcome = "killed" | "timed out" | "accepted" | "survived" | "not covered";

export interface Judged {
  source: string;
  mutant: Mutant;
  outcome: Outcome;
}

/** Whether a test is missing. */
export function isOpen({ outcome }: Pick<Judged, "outcome">): boolean {
  return outcome === "survived" || outcome === "not covered";
}

const fileOf = (source: string) => join(repository, ".local/mutation", `${source}.json`);

/** Keeps what became of a source file's mutants, so that a whole can be made of parts that ran at different times. */
export function writeResults(source: string, judged: readonly Judged[]): void {
  mkdirSync(dirname(fileOf(source)), { recursive: true });
  writeFileSync(fileOf(source), `${JSON.stringify(judged, undefined, 1)}\n`);
}

/** What is known of these mutants, in their order; undefined of one that has not been tried. */
export function readResults(source: string, mutants: readonly Mutant[]): (Judged | undefined)[] {
  const accepted = readAccepted();
  const left = readJudged(source);
  return mutants.map((mutant) => {
    if (accepted.some((entry) => isOf(entry, source, mutant))) return { source, mutant, outcome: "accepted" };
    // The same change of the same line, wherever that stands now.
    const index = left.findIndex(({ mutant: { lineText, original, replacement } }) => {
      return lineText === mutant.lineText && original === mutant.original && replacement === mutant.replacement;
    });
    const [known] = index < 0 ? [] : left.splice(index, 1);
    return known && known.outcome !== "accepted" ? { ...known, mutant } : undefined;
  });
}

function readJudged(source: string): Judged[] {
  try {
    return JSON.parse(readFileSync(fileOf(source), "utf8")) as Judged[];
  } catch {
    return [];
  }
}

/** As `<file>:<line> <original> -> <replacement>`, shortened. */
export function nameOf({ source, mutant: { line, original, replacement } }: Pick<Judged, "source" | "mutant">): string {
  const short = (text: string) => (text.length > 80 ? `${text.slice(0, 77)}...` : text).replaceAll("\n", " ");
  return `${source}:${line} ${short(original)} -> ${short(replacement)}`;
}

/** A row for each folder: the score is what was noticed of all that have no reason. */
export function tableOf(judged: readonly Judged[]): string {
  const outcomes = ["killed", "timed out", "accepted", "survived", "not covered"] as const;
  const rowOf = (name: string, of: readonly Judged[]) => {
    const counts = outcomes.map((outcome) => of.filter((each) => each.outcome === outcome).length);
    const [killed = 0, timedOut = 0, reasoned = 0] = counts;
    const score = (100 * (killed + timedOut)) / Math.max(1, of.length - reasoned);
    return `| ${[name, `${score.toFixed(1)} %`, ...counts].join(" | ")} |`;
  };
  const folders = [...new Set(judged.map(({ source }) => dirname(source)))].sort();
  return [
    `| folder | score | ${outcomes.join(" | ")} |`,
    `|---|---|${"---|".repeat(outcomes.length)}`,
    ...folders.map((folder) =>
      rowOf(
        folder,
        judged.filter(({ source }) => dirname(source) === folder),
      ),
    ),
    rowOf("together", judged),
  ].join("\n");
}
