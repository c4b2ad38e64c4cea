/** Scalar functions, as Kusto's reference describes them. Only those that our queries use. */
import { equals, toNumber, toText, type Value } from "./values.ts";

/** Arguments with their types, and the time of the query. */
export interface Call {
  values: readonly Value[];
  types: readonly string[];
  nowMs: number;
}

const isMissing = (value: Value | undefined) => value === null || value === undefined || value === "";
const text = ({ values, types }: Call, index = 0) => toText(values[index] ?? null, types[index] ?? "string");

const dateParts: Readonly<Record<string, number>> = { second: 1e3, minute: 60e3, hour: 3_600e3, day: 86_400e3 };

export const functions: Readonly<Record<string, (call: Call) => Value>> = {
  now: ({ nowMs }) => nowMs,
  ago: ({ values: [span], nowMs }) => nowMs - Number(span),
  tostring: (call) => text(call),
  tolower: (call) => text(call).toLowerCase(),
  tolong: ({ values: [value = null] }) => truncated(toNumber(value)),
  toint: ({ values: [value = null] }) => truncated(toNumber(value)),
  toreal: ({ values: [value = null] }) => toNumber(value),
  todatetime: ({ values: [value = null], types: [type] }) => {
    if (type === "datetime") return value;
    const time = Date.parse(String(value));
    return Number.isNaN(time) ? null : time;
  },
  isnull: ({ values: [value = null] }) => value === null,
  not: ({ values: [value = null] }) => (value === null ? null : value !== true),
  isempty: ({ values: [value] }) => isMissing(value),
  isnotempty: ({ values: [value] }) => !isMissing(value),
  // For strings, an empty value is skipped too.
  coalesce: ({ values, types }) => values.find((value) => !isMissing(value)) ?? (types[0] === "string" ? "" : null),
  iff: ({ values: [condition, yes = null, no = null] }) => (condition === true ? yes : no),
  case: ({ values }) => {
    for (let index = 0; index + 1 < values.length; index += 2)
      if (values[index] === true) return values[index + 1] ?? null;
    return values.at(-1) ?? null;
  },
  strcat: (call) => call.values.map((_, index) => text(call, index)).join(""),
  strcat_array: ({ values: [list, delimiter] }) =>
    Array.isArray(list) ? list.map(String).join(String(delimiter)) : "",
  split: ({ values: [source, delimiter] }) => String(source).split(String(delimiter)),
  trim: (call) => text({ ...call, values: call.values.slice(1), types: call.types.slice(1) }).replace(/^\s+|\s+$/g, ""),
  extract: ({ values: [pattern, group, source] }) =>
    new RegExp(String(pattern)).exec(String(source))?.[Number(group)] ?? "",
  parse_url: ({ values: [url] }) => parseUrl(String(url)),
  pack_array: ({ values }) => values,
  bin: ({ values: [value, size] }) =>
    isMissing(value) ? null : Math.floor(Number(value) / Number(size)) * Number(size),
  round: ({ values: [value = null, digits = 0] }) =>
    value === null ? null : Math.round(Number(value) * 10 ** Number(digits)) / 10 ** Number(digits),
  // Counts the unit boundaries in between: 10:59:59 to 11:00:00 is one hour.
  datetime_diff: ({ values: [part, later = null, earlier = null] }) => {
    const unit = dateParts[String(part)] ?? Number.NaN;
    if (later === null || earlier === null) return null;
    return Math.floor(Number(later) / unit) - Math.floor(Number(earlier) / unit);
  },
};

/** Binary operators. Those with `~`, `startswith` and `contains` are case-insensitive. */
export const operators: Readonly<Record<string, (a: Value, b: Value) => Value>> = {
  "==": equals,
  "!=": (a, b) => negated(equals(a, b)),
  "=~": (a, b) => lower(a) === lower(b),
  "!~": (a, b) => lower(a) !== lower(b),
  startswith: (a, b) => lower(a).startsWith(lower(b)),
  contains: (a, b) => lower(a).includes(lower(b)),
  "!contains": (a, b) => !lower(a).includes(lower(b)),
  has: (a, b) =>
    lower(a)
      .split(/[^a-z0-9]+/)
      .includes(lower(b)),
  "<": (a, b) => ordered(a, b, (difference) => difference < 0),
  ">": (a, b) => ordered(a, b, (difference) => difference > 0),
  "<=": (a, b) => ordered(a, b, (difference) => difference <= 0),
  ">=": (a, b) => ordered(a, b, (difference) => difference >= 0),
  "+": (a, b) => computed(a, b, (x, y) => x + y),
  "-": (a, b) => computed(a, b, (x, y) => x - y),
  "*": (a, b) => computed(a, b, (x, y) => x * y),
  "/": (a, b) => computed(a, b, (x, y) => x / y),
};

function lower(value: Value): string {
  return toText(value, "string").toLowerCase();
}

function negated(value: boolean | null): boolean | null {
  return value === null ? null : !value;
}

/** Null if either operand is null, because null cannot be compared. */
function ordered(a: Value, b: Value, isTrue: (difference: number) => boolean): Value {
  return a === null || b === null ? null : isTrue(Number(a) - Number(b));
}

function computed(a: Value, b: Value, compute: (a: number, b: number) => number): Value {
  return a === null || b === null ? null : compute(Number(a), Number(b));
}

function truncated(value: number | null): number | null {
  return value === null ? null : Math.trunc(value);
}

function parseUrl(text: string): Value {
  if (!URL.canParse(text)) return { Scheme: "", Host: "", Port: "", Path: "", Fragment: "" };
  const { protocol, hostname, port, pathname, hash } = new URL(text);
  return { Scheme: protocol.slice(0, -1), Host: hostname, Port: port, Path: pathname, Fragment: hash.slice(1) };
}
