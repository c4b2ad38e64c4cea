import { analyse } from "../../local/kusto/language.ts";
import type { AlertDefinition } from "./alert-definitions.ts";
import { deployed } from "./queries.ts";

/** Evaluations that must see a row: the first may be late, the second may fail. */
const evaluationsThatSeeARow = 3;
/** What a rule may read (`overrideQueryTimeRange`). */
const mostMinutes = 2 * 24 * 60;
/** Azure splits by no more columns. */
const mostDimensions = 6;
const tables = /^\s*(?:let \w+ = )?(AZKVAuditLogs|AppEvents|AppMetrics)\s*$/gm;
const minutesOf: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440 };

/** What is wrong with a log alert and its query; nothing, if it would work as it should. */
export function problemsOf(alert: AlertDefinition, query: string, everyMinutes: number): string[] {
  const text = deployed(query);
  const { problems, columns } = analyse(text);
  const types = new Map(columns.map((column) => column.split(":") as [string, string]));
  return [
    ...problems,
    ...problemsOfColumns(alert, types),
    ...problemsOfTime(query, everyMinutes),
    ...problemsOfScope(query),
    ...[...text.matchAll(/<\w+>/g)].map(([name]) => `nothing is put in for ${name}`),
    ...(Number.isInteger(alert.threshold) ? [] : ["threshold must be a whole number"]),
  ];
}

function problemsOfColumns({ dimensions = [], measure = "" }: AlertDefinition, types: Map<string, string>): string[] {
  return [
    ...dimensions.filter((name) => types.get(name) !== "string").map((name) => `dimension ${name} is no text column`),
    ...(dimensions.length > mostDimensions ? ["too many dimensions"] : []),
    ...(/^(long|int|real)$/.test(types.get(measure) ?? "") ? [] : [`measure ${measure} is no numeric column`]),
    // With it the rule would judge each bin of its window by itself, and skip rows that are older.
    ...(types.has("TimeGenerated") ? ["TimeGenerated is in the result"] : []),
  ];
}

/** A row that arrives late, or while an evaluation is late, must be seen by the next one. */
function problemsOfTime(query: string, everyMinutes: number): string[] {
  const spans = [...query.matchAll(/\bago\((\d+)([mhd])\)/g)].map(
    ([, count, unit = ""]) => Number(count) * (minutesOf[unit] ?? Number.NaN),
  );
  const between = [...query.matchAll(/between \(ago\((\d+)([mhd])\) \.\. ago\((\d+)([mhd])\)\)/g)].map(
    ([, from, fromUnit = "", to, toUnit = ""]) =>
      Number(from) * (minutesOf[fromUnit] ?? Number.NaN) - Number(to) * (minutesOf[toUnit] ?? Number.NaN),
  );
  const shortest = Math.min(...(between.length > 0 ? between : spans));
  if (spans.length === 0) return ["looks back no certain time"];
  return [
    ...(shortest >= evaluationsThatSeeARow * everyMinutes ? [] : [`looks back ${shortest} minutes only`]),
    ...(Math.max(...spans) <= mostMinutes ? [] : ["looks back further than a rule may"]),
  ];
}

/** A workspace may have other vaults and apps: what they log is none of our business. */
function problemsOfScope(query: string): string[] {
  const read = [...query.matchAll(tables)].map((match) => match[1]);
  const isScoped = (table: string | undefined) =>
    new RegExp(`${table}\\s*\\n\\s*\\| where _ResourceId =~ "<(?:keyVaultId|applicationInsightsId)>"`).test(query);
  if (read.length === 0) return ["no table was found"];
  const own = [...query.matchAll(/\| where _ResourceId =~ /g)].length;
  return own === read.length && read.every(isScoped) ? [] : ["a table is read beyond our own resource"];
}
