/** Foreign text on a terminal must not control the terminal, change its text direction or flood it. */
const maxLength = 200;

/** Control (C0, C1), format (direction marks, zero width) and separator characters, and halves of surrogate pairs. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Unsafe characters, including line breaks, become `?`; long text is cut. For one cell or one line. */
export function printable(text: string, length = maxLength): string {
  const plain = text.slice(0, length + 1).replace(unsafe, "?");
  return plain.length > length ? `${plain.slice(0, length)}...` : plain;
}

/**
 * Replaces unsafe characters, except line breaks, with JSON escapes (RFC 8259 §7) in a whole output, text or JSON. The
 * meaning of JSON does not change, because it has such characters only within strings.
 */
export function escapeUnsafe(text: string): string {
  return text.replace(unsafe, (found) => (found === "\n" ? found : found.replace(/[\s\S]/g, escaped)));
}

/** The JSON escape of one UTF-16 code unit. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A table with two spaces between columns; the last column is not padded. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map((cell) => printable(cell, 1_000)));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/**
 * ISO 8601 in UTC, to the second. `timeMs`: milliseconds since 1970; a number outside the range of dates becomes `no
 * time`.
 */
export function isoTime(timeMs: number): string {
  if (Number.isNaN(new Date(timeMs).getTime())) return "no time";
  return new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}

const units = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

/** A duration in the largest unit that fits at least twice, rounded down: `90 s`, `5 min`, `47 h`, `12 d`. */
export function duration(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const [unit, length] = units.find(([, each]) => seconds >= 2 * each) ?? ["s", 1];
  return `${Math.floor(seconds / length)} ${unit}`;
}

/** A count with its noun: `1 key`, `2 keys`. */
export function plural(count: number, singular: string, several = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : several}`;
}
