export interface Table {
  title?: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
  /** Text below the table that the reader needs to understand it. */
  below?: string;
}

export function markdownTable({ title, head, rows, below }: Table): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [...(title ? [`**${title}**`, ""] : []), ...lines, ...(below ? ["", below] : [])].join("\n");
}
