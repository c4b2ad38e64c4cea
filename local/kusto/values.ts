/**
 * Values of a query. string: never null, a missing one is "". int, long, real: a number. bool: a boolean. datetime:
 * milliseconds since 1970. timespan: milliseconds. dynamic: JSON. Null is null. Types are Kusto's own, found by its
 * analyser, so a number is not mistaken for a date. Precision below a millisecond, and for integers beyond 2^53, is
 * lost.
 */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

/** A row by column, with the time of its ingestion if known (milliseconds since 1970). */
export interface Row {
  [column: string]: Value;
  [ingested]?: number;
}

export const ingested = Symbol("ingestion_time()");

/** Rows of a workspace's tables by table name. */
export type Tables = Readonly<Record<string, readonly Row[]>>;

/** The number of milliseconds of a literal such as `5m`, `1d` or `1ms`. @throws for any other form. */
export function timespanOf(text: string): number {
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const milliseconds = Number(count) * (units[unit] ?? Number.NaN);
  if (Number.isNaN(milliseconds)) throw new SyntaxError(`no timespan: ${text}`);
  return milliseconds;
}

/** `==`: null for two nulls, false for one. */
export function equals(a: Value, b: Value): boolean | null {
  if (a === null && b === null) return null;
  if (a === null || b === null) return false;
  return typeof a === "object" ? JSON.stringify(a) === JSON.stringify(b) : a === b;
}

/** For `order by`, `min` and `max`: nulls first. */
export function compare(a: Value, b: Value): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return a < b ? -1 : 1;
}

/** Like `tostring`: a string in a dynamic loses its quotes, a date is written in ISO 8601, null is "". */
export function toText(value: Value, type: string): string {
  if (value === null) return "";
  if (type === "datetime") return `${new Date(Number(value)).toISOString().slice(0, -1)}0000Z`;
  return typeof value === "object"
    ? JSON.stringify(value)
    : typeof value === "boolean"
      ? titleCase(value)
      : String(value);
}

function titleCase(value: boolean): string {
  return value ? "True" : "False";
}

/** Like `tolong` and `toreal`: null if it is not a number. */
export function toNumber(value: Value): number | null {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === null || typeof value === "object" || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
