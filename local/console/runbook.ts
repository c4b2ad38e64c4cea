/** The sections of docs/operate/runbook.md as plain text. The page shows a section beside the alarm it describes. */
import { readFile } from "node:fs/promises";
import type { Runbook } from "./snapshot.ts";

const file = new URL("../../docs/operate/runbook.md", import.meta.url);
let read: Promise<Runbook> | undefined;

export function readRunbook(): Promise<Runbook> {
  read ??= readFile(file, "utf8").then(parseRunbook);
  return read;
}

function parseRunbook(markdown: string): Runbook {
  const severities = new Map(
    [...markdown.matchAll(/^\| \[([a-z-]+)\]\(#[a-z-]+\) \| (\d) \|/gm)].map((row) => [row[1], Number(row[2])]),
  );
  const runbook: Runbook = {};
  for (const section of markdown.split(/^### /m).slice(1)) {
    const [name = "", ...lines] = section.split(/^## /m)[0]?.split("\n") ?? [];
    const severity = severities.get(name);
    if (severity !== undefined) runbook[name] = { severity, parts: partsOf(lines) };
  }
  return runbook;
}

function partsOf(lines: readonly string[]): { heading: string; lines: string[] }[] {
  const parts: { heading: string; lines: string[] }[] = [];
  let isCode = false;
  for (const line of lines) {
    const [, heading, rest = ""] = /^\*\*(.+?)\.?\*\*(.*)$/.exec(line) ?? [];
    if (line.startsWith("```")) isCode = !isCode;
    else if (isCode) parts.at(-1)?.lines.push(`\t${line}`);
    else if (heading !== undefined) parts.push({ heading, lines: [rest.trim()] });
    else if (line !== "") append(parts.at(-1)?.lines, line);
  }
  return parts.map(({ heading, lines }) => ({ heading, lines: lines.filter(Boolean).map(plain) }));
}

/** Joins the lines of one paragraph. */
function append(lines: string[] | undefined, text: string): void {
  const last = lines?.at(-1);
  if (last === undefined || last.startsWith("\t") || text.startsWith("- ")) lines?.push(text);
  else lines?.splice(-1, 1, `${last} ${text}`.trim());
}

/** Removes Markdown markup. Code keeps its asterisks. */
function plain(text: string): string {
  if (text.startsWith("\t")) return text;
  const parts = text.replace(/\[([^\]]+)\]\([^)]*\)/g, "$1").split("`");
  return parts.map((part, i) => (i % 2 === 1 ? part : part.replace(/\*\*?([^*]+)\*\*?/g, "$1"))).join("");
}
