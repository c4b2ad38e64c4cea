import { errorClass } from "../../adapters/azure/error.ts";
import type { LedgerQuery, LedgerSearch, UnreadableRow } from "../../domain/audit/ledger-search.ts";
import { Fault } from "../../domain/shared/fault.ts";
import { CommandProblem, type ExitCode, exitCodes, type Output } from "../command-problem.ts";
import { plural, printable } from "../printable.ts";
import { columns, csvLine, type FlatRow, flatten, type NameOf, tableHead, tableLine } from "./row.ts";

export type LedgerFormat = "table" | "csv" | "json" | "jsonl";

interface ListPorts {
  ledger: LedgerSearch;
  nameOf: NameOf;
  format: LedgerFormat;
  output: Output;
  progress: (text: string) => void;
}

/** `ledger`: lists rows. They are written as they are read; a single JSON document is complete only at the end. */
export async function listLedger(
  query: LedgerQuery,
  { ledger, nameOf, format, output, progress }: ListPorts,
): Promise<ExitCode> {
  const rows: FlatRow[] = [];
  let count = 0;
  let unreadable = 0;
  writeHead(format, output);
  progress("reading the ledger");
  await reading(async () => {
    for await (const found of ledger.find(query)) {
      if (!found.ok) {
        unreadable += 1;
        noteUnreadable(found.refusal, output);
        continue;
      }
      count += 1;
      const row = flatten(found.value, nameOf);
      if (format === "json") {
        rows.push(row);
        progress(`reading the ledger: ${plural(count, "row")}`);
      }
      if (format !== "json") writeRow(row, format, output);
    }
  });
  if (format === "json") output.out(JSON.stringify(rows, undefined, 2));
  if (count === query.limit) output.err(`${plural(count, "row")}, and there may be more: --limit, or a shorter time`);
  else if (count === 0) output.err("no rows");
  return unreadable > 0 ? exitCodes.wrong : exitCodes.fine;
}

/** The line before the first row: column names for `table` and `csv`, nothing for JSON. */
export function writeHead(format: LedgerFormat, { out }: Output): void {
  if (format === "table") out(tableHead);
  if (format === "csv") out(csvLine(columns));
}

/** One row as one line: padded columns, CSV (RFC 4180), or JSON (`jsonl`). */
export function writeRow(row: FlatRow, format: Exclude<LedgerFormat, "json">, { out }: Output): void {
  if (format === "table") out(tableLine(row));
  else if (format === "csv") out(csvLine(columns.map((name) => row[name])));
  else out(JSON.stringify(row));
}

/** Reports a row that Keyhold did not write, on stderr: its keys and the wrong columns, never their values. */
export function noteUnreadable({ partition, rowKey, properties }: UnreadableRow, { err }: Output): void {
  const names = properties.map((name) => printable(name, 40)).join(", ");
  err(`not written by Keyhold: ${printable(partition)} ${printable(rowKey)} (${names}). Find out who wrote it.`);
}

/** Converts the ledger's fault to a `CommandProblem`. */
export async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "ledger_unavailable") throw error;
    throw new CommandProblem(
      "unavailable",
      `The ledger cannot be read (${error.detail.because ?? errorClass(error)})`,
      {
        where: "KEYHOLD_LEDGER_TABLE_URL",
        remedy: "check the network path, and that you may read it: az login, Storage Table Data Reader",
      },
    );
  }
}
