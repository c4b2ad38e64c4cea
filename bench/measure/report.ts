import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Results as BaselineResults, markdownOf as baselineMarkdown } from "../baseline/report.ts";
import { type Results as LedgerResults, markdownOf as ledgerMarkdown } from "../ledger-throughput/report.ts";
import { machineSentence } from "./machine.ts";
import { type PartResult, targetTable, verdict } from "./part.ts";
import { markdownTable } from "./table.ts";

/** Parts whose results have a form of their own. */
const others: Record<string, { title: string; markdown(json: unknown): string }> = {
  "ledger-throughput": {
    title: "Throughput of the ledger",
    markdown: (json) => ledgerMarkdown(json as LedgerResults),
  },
  baseline: {
    title: "The baseline of the sign rate on synthetic years",
    markdown: (json) => baselineMarkdown(json as BaselineResults),
  },
};

/**
 * RESULTS.md, generated from the files in the folder of results, never edited by hand. `order`: the order of the parts;
 * `chartsFolder`: its path as seen from the report.
 */
export function reportOf(folder: string, order: readonly string[], chartsFolder: string): string {
  const known = new Set(readdirSync(folder));
  const present = order.filter((part) => known.has(`${part}.json`));
  const read = (part: string): unknown => JSON.parse(readFileSync(`${folder}${part}.json`, "utf8"));
  const results = present.filter((part) => !(part in others)).map((part) => read(part) as PartResult);
  const sections = present.map((part) => {
    const other = others[part];
    const body = other
      ? `## ${other.title}\n\n${demoted(other.markdown(read(part)))}`
      : sectionOf(read(part) as PartResult, chartsFolder);
    return [body, ...notesOf(part)].join("\n\n");
  });
  return `${[
    "# Results",
    "Made by `npm run bench`; not written by hand. Ratios are from the same run on the same machine, in turns; absolute numbers hold " +
      "for that machine. A spread is the middle half.",
    ...(results.some(({ quick }) => quick) ? ["**A quick run: these numbers say nothing.**"] : []),
    machinesOf(results),
    "## Targets",
    markdownTable({
      head: ["part", "what", "target", "measured", ""],
      rows: results.flatMap(({ part, targets }) =>
        targets.map(({ what, target, measured, met }) => [`[${part}](#${part})`, what, target, measured, verdict(met)]),
      ),
    }),
    ...sections,
  ].join("\n\n")}\n`;
}

function sectionOf(
  { part, title, about, targets, tables, charts, tookSeconds, startedAt }: PartResult,
  chartsFolder: string,
): string {
  return [
    `<a id="${part}"></a>`,
    `## ${title}`,
    about,
    markdownTable(targetTable(targets)),
    ...tables.map(markdownTable),
    ...charts.map((file) => `![${file.replace(/\.svg$/, "")}](${chartsFolder}${file})`),
    `\`node bench/${part}.ts\`, ${startedAt.slice(0, 16).replace("T", " ")} UTC, ${tookSeconds} s.`,
  ].join("\n\n");
}

function machinesOf(results: readonly PartResult[]): string {
  const sentences = new Map<string, string[]>();
  for (const { part, machine } of results) {
    const sentence = machineSentence(machine);
    sentences.set(sentence, [...(sentences.get(sentence) ?? []), `${part} ${machine.loadAtStart}`]);
  }
  const packages = results.at(-1)?.machine.packages ?? {};
  return [
    ...[...sentences].map(
      ([sentence, parts]) => `Machine: ${sentence}. Load when each part began: ${parts.join(", ")}.`,
    ),
    `Packages: ${Object.entries(packages)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
  ].join("\n\n");
}

/** Notes written by hand, in bench/notes: why a target is missed, or other context. */
function notesOf(part: string): string[] {
  const file = fileURLToPath(new URL(`../notes/${part}.md`, import.meta.url));
  return existsSync(file) ? [readFileSync(file, "utf8").trim()] : [];
}

function demoted(markdown: string): string {
  return markdown.replace(/^(#+) /gm, "#$1 ").trim();
}
