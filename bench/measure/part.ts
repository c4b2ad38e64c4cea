import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeMachine, type Machine } from "./machine.ts";
import { type Options, readOptions } from "./options.ts";
import { markdownTable, type Table } from "./table.ts";

/** One promised value, and the measured result. */
export interface Target {
  what: string;
  target: string;
  measured: string;
  met: boolean;
}

export interface Measurement {
  title: string;
  /** How it was measured, in a few sentences. */
  about: string;
  targets: readonly Target[];
  tables: readonly Table[];
  /** SVG by name. */
  charts?: Readonly<Record<string, string>>;
  /** All samples from which the tables were made. */
  samples?: unknown;
}

/** The content of bench/results/<part>.json. */
export interface PartResult extends Omit<Measurement, "charts"> {
  part: string;
  quick: boolean;
  startedAt: string;
  tookSeconds: number;
  machine: Machine;
  /** File names, in the same folder as the JSON. */
  charts: readonly string[];
}

/** Real results are in the repository. Those of a quick run mean nothing and must not replace them. */
export function resultsFolder(quick: boolean): string {
  return fileURLToPath(new URL(quick ? "../../.local/bench/" : "../results/", import.meta.url));
}

/** Runs a part with the options of its command line, prints its tables and stores its result. */
export async function runPart(part: string, measure: (options: Options) => Promise<Measurement>): Promise<void> {
  const options = readOptions();
  const [machine, startedAt, startedMs] = [describeMachine(), new Date().toISOString(), performance.now()];
  const { charts = {}, ...measurement } = await measure(options);
  const tookSeconds = Math.round((performance.now() - startedMs) / 1_000);
  const folder = resultsFolder(options.quick);
  mkdirSync(folder, { recursive: true });
  const files = Object.entries(charts).map(([name, svg]) => {
    writeFileSync(`${folder}${part}-${name}.svg`, svg);
    return `${part}-${name}.svg`;
  });
  const about = { part, quick: options.quick, startedAt, tookSeconds, machine };
  const result: PartResult = { ...about, ...measurement, charts: files };
  writeFileSync(`${folder}${part}.json`, `${JSON.stringify(result, undefined, 1)}\n`);
  console.log(textOf(result));
}

export function targetTable(targets: readonly Target[]): Table {
  const head = ["what", "target", "measured", ""];
  return { head, rows: targets.map(({ what, target, measured, met }) => [what, target, measured, verdict(met)]) };
}

export function verdict(met: boolean): string {
  return met ? "met" : "MISSED";
}

function textOf({ title, quick, tookSeconds, targets, tables }: PartResult): string {
  const heading = `# ${title} (${tookSeconds} s${quick ? ", QUICK: these numbers say nothing" : ""})`;
  return [heading, ...[targetTable(targets), ...tables].map(markdownTable)].join("\n\n");
}
