import type { LedgerEntry } from "../../domain/signing/ledger.ts";
import { isoTime, printable } from "../printable.ts";

/** Names by id, from the current policy; unknown ids stay ids. */
export type NameOf = (id: string | undefined) => string | undefined;

/** A row for people and spreadsheets: flat, in the order of the columns. Times are ISO 8601. */
export interface FlatRow {
  time: string;
  id: string;
  purpose: string;
  caller: string;
  callerObjectId: string;
  client: string;
  clientId: string;
  tenant: string;
  tenantId: string;
  scope: string;
  keyName: string;
  keyVersion: string;
  outcome: string;
  /** Fault, or AADSTS numbers. */
  reason: string;
  expires: string;
  vaultRequestId: string;
  entraRequestId: string;
  sha256: string;
  instance: string;
}

export const columns = [
  "time",
  "id",
  "purpose",
  "caller",
  "callerObjectId",
  "client",
  "clientId",
  "tenant",
  "tenantId",
  "scope",
  "keyName",
  "keyVersion",
  "outcome",
  "reason",
  "expires",
  "vaultRequestId",
  "entraRequestId",
  "sha256",
  "instance",
] as readonly (keyof FlatRow)[];

/** The row with every column as text: times in ISO 8601, names from the policy, an empty string for missing values. */
export function flatten({ intent, outcome }: LedgerEntry, nameOf: NameOf): FlatRow {
  const facts: Record<string, unknown> = { ...outcome };
  const text = (...names: string[]) => {
    const value = names.map((name) => facts[name]).find((each) => each !== undefined);
    return value === undefined ? "" : Array.isArray(value) ? value.join(" ") : String(value);
  };
  const expires = facts.tokenExpiresAt ?? facts.assertionExpiresAt;
  return {
    time: new Date(intent.timeMs).toISOString(),
    id: intent.id,
    purpose: intent.purpose,
    caller: intent.callerName,
    callerObjectId: intent.callerObjectId ?? "",
    client: nameOf(intent.clientId) ?? "",
    clientId: intent.clientId ?? "",
    tenant: nameOf(intent.tenantId) ?? intent.metadataSource ?? "",
    tenantId: intent.tenantId ?? "",
    scope: intent.scope ?? "",
    keyName: intent.keyName ?? "",
    keyVersion: intent.keyVersion ?? "",
    outcome: outcome?.outcome ?? "open",
    reason: text("fault", "codes"),
    expires: typeof expires === "number" ? isoTime(expires * 1000) : "",
    vaultRequestId: text("vaultRequestId"),
    entraRequestId: text("entraRequestId"),
    sha256: text("tokenSha256", "assertionSha256"),
    instance: intent.instance,
  };
}

/** Columns with fixed widths, because rows are written as they arrive. */
const shown = [
  ["time", 20],
  ["purpose", 11],
  ["caller", 18],
  ["client", 14],
  ["tenant", 18],
  ["outcome", 20],
  ["scope", 40],
  ["id", 36],
] as const satisfies readonly (readonly [keyof FlatRow, number])[];

export const tableHead = shown
  .map(([name, width]) => name.toUpperCase().padEnd(width))
  .join("  ")
  .trimEnd();

/** One line of the table: the columns that fit a terminal, padded to fixed widths. */
export function tableLine(row: FlatRow): string {
  const cells = { ...row, time: row.time.replace(/\.\d{3}Z$/, "Z"), tenant: row.tenant || row.tenantId };
  return shown
    .map(([name, width]) => fit(cells[name], width))
    .join("  ")
    .trimEnd();
}

function fit(text: string, width: number): string {
  const plain = printable(text, 1024);
  return plain.length > width && width < 36 ? `${plain.slice(0, width - 1)}~` : plain.padEnd(width);
}

/**
 * RFC 4180. A cell that a spreadsheet would interpret as a formula gets an apostrophe in front: somebody who can write
 * ledger rows (T15) must not run commands on the reader's machine. In many locales a spreadsheet starts a new cell
 * after each semicolon, even inside quotes, so the same is done there. Tabs are removed.
 */
export function csvLine(cells: readonly string[]): string {
  return cells.map(csvCell).join(",");
}

const formula = /(^|;)([\s"']*)(?=[=+\-@\uFF1D\uFF0B\uFF0D\uFF20|%])/g;

function csvCell(text: string): string {
  const safe = printable(text, 4096).replace(formula, "$1'$2");
  return /[",\s';]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
