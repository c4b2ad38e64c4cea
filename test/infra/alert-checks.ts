import type { LogRule } from "../../local/drills/alerts/rules.ts";
import { analyse } from "../../local/kusto/language.ts";
import { deployed } from "./queries.ts";

/** Evaluations that must see a row: the first may be late, the second may fail. */
const evaluationsThatSeeARow = 3;
/** What a rule may read (`overrideQueryTimeRange`). */
const mostMinutes = 2 * 24 * 60;
/** Azure splits by no more columns. */
const mostDimensions = 6;
const minutesOf: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440 };

/** How each table is narrowed to our own resources. */
const scopes: Readonly<Record<string, RegExp>> = {
  AZKVAuditLogs: /^\s*\| where _ResourceId =~ "<keyVaultId>"$/,
  AppEvents: /^\s*\| where _ResourceId =~ "<applicationInsightsId>"$/,
  AppMetrics: /^\s*\| where _ResourceId =~ "<applicationInsightsId>"$/,
  AzureActivity: /^\| where ResourceGroup =~ "<resourceGroupName>" or _ResourceId !contains "\/resourcegroups\/"$/,
  StorageBlobLogs: /^\| where AccountName in~ \("<dataAccountName>", "<hostAccountName>"\)$/,
  StorageTableLogs: /^\| where AccountName =~ "<dataAccountName>"$/,
};

/** What is wrong with a log rule and its query; nothing, if it would work as it should. */
export function problemsOf(rule: Pick<LogRule, "dimensions" | "everyMinutes">, query: string): string[] {
  const text = deployed(query);
  const { problems, columns } = analyse(text);
  const types = new Map(columns.map((column) => column.split(":") as [string, string]));
  return [
    ...problems,
    ...problemsOfColumns(rule.dimensions, types),
    ...problemsOfTime(query, rule.everyMinutes),
    ...problemsOfScope(query),
    ...[...text.matchAll(/<\w+>/g)].map(([name]) => `nothing is put in for ${name}`),
    // A rule may not combine tables so.
    ...(/\bunion\b/.test(query) ? ["union"] : []),
  ];
}

function problemsOfColumns(dimensions: readonly string[], types: Map<string, string>): string[] {
  return [
    ...dimensions.filter((name) => types.get(name) !== "string").map((name) => `dimension ${name} is no text column`),
    ...(dimensions.length > mostDimensions ? ["too many dimensions"] : []),
    ...(/^(long|int|real)$/.test(types.get("Occurrences") ?? "") ? [] : ["Occurrences is no numeric column"]),
    // With it the rule would look at each bin of its window by itself, and skip rows that are older.
    ...(types.has("TimeGenerated") ? ["TimeGenerated is in the result"] : []),
    ...[...types.keys()]
      .filter((name) => name !== "Occurrences" && !dimensions.includes(name))
      .map((name) => `${name} is no dimension`),
  ];
}

/** A row that arrives late, or while an evaluation is late, must be seen by the next one. */
function problemsOfTime(query: string, everyMinutes: number): string[] {
  const code = query.replace(
    /between \(ago\((\d+)([mhd])\) \.\. ago\((\d+)([mhd])\)\)/g,
    (_, from, fromUnit, to, toUnit) => {
      const minutes = Number(from) * (minutesOf[fromUnit] ?? 0) - Number(to) * (minutesOf[toUnit] ?? 0);
      return `between ago(${minutes}m)`;
    },
  );
  const spans = [...code.matchAll(/\bago\((\d+)([mhd])\)/g)].map(
    ([, count, unit = ""]) => Number(count) * (minutesOf[unit] ?? Number.NaN),
  );
  if (spans.length === 0) return ["looks back no certain time"];
  const shortest = Math.min(...spans);
  return [
    ...(shortest >= evaluationsThatSeeARow * everyMinutes ? [] : [`looks back ${shortest} minutes only`]),
    ...(Math.max(...spans) <= mostMinutes ? [] : ["looks back further than a rule may"]),
  ];
}

/** A workspace may have other vaults and apps: what they log is none of our business. */
function problemsOfScope(query: string): string[] {
  const lines = query.split("\n");
  const read = lines.flatMap((line, index) =>
    line.trim() in scopes ? [[line.trim(), lines[index + 1] ?? ""] as const] : [],
  );
  if (read.length === 0) return ["no table was found"];
  return read.flatMap(([table, next]) =>
    scopes[table]?.test(next) ? [] : [`${table} is read beyond our own resources`],
  );
}
