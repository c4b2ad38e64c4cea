import { identityOf, type LedgerRow } from "./findings.ts";
import type { VaultLogRow } from "./vault-log.ts";

/** Reads single rows of the ledger and of the vault's log, and sorts them. Does not compare them. */

/** Whether the ledger knows which request to the vault the row stands for. */
export function hasRequestId(row: LedgerRow): row is LedgerRow & { vaultRequestId: string } {
  return Boolean(row.vaultRequestId);
}

/**
 * Whether it is unknown if the vault signed, or by which request. An outcome with a request id covers only that
 * request.
 */
export function isOpen(row: LedgerRow): boolean {
  return row.outcome !== "not_signed" && !hasRequestId(row);
}

/** Whether the outcome says that the vault signed; an unknown outcome does not. */
export function saysSigned({ outcome }: LedgerRow): boolean {
  return outcome !== undefined && outcome !== "not_signed" && outcome !== "maybe_signed";
}

/** Whether the row of the vault's log is a signature request. Letter case is ignored, since the log's varies. */
export function isSign(row: VaultLogRow): boolean {
  return row.operation.toLowerCase() === "keysign";
}

/**
 * A signature that the vault made: whatever the log writes in what case, and unless a status says that it was refused.
 * A row without a status (0) counts as a signature, to miss none.
 */
export function isSignature(row: VaultLogRow): boolean {
  return isSign(row) && !isRefused(row);
}

/** Whether the vault answered with an error (HTTP status from 400 on). */
export function isRefused(row: VaultLogRow): boolean {
  return row.httpStatus >= 400;
}

/** The request id in lower case, for comparison. */
export function requestOf({ requestId }: VaultLogRow): string {
  return lowerCase(requestId);
}

/** Makes no copy of what is in lower case already, as nearly all of hundreds of thousands of texts are. */
export function lowerCase(text: string): string {
  return /[^\x20-@[-~]/.test(text) ? text.toLowerCase() : text;
}

/** Whether the log does not say which key version was used. */
export function lacksKey({ keyName, keyVersion }: VaultLogRow): boolean {
  return keyName === undefined || keyVersion === undefined;
}

interface KeyVersion {
  keyName?: string;
  keyVersion?: string;
}

/** `<name>/<version>` in lower case, for comparison. */
export function keyOf({ keyName, keyVersion }: KeyVersion): string {
  return `${keyName}/${keyVersion}`.toLowerCase();
}

/** Whether the log says that the row's key version is the intent's. */
export function isSameKey(intent: Required<KeyVersion>, { keyName, keyVersion }: KeyVersion): boolean {
  if (keyName === undefined || keyVersion === undefined) return false;
  return lowerCase(intent.keyName) === lowerCase(keyName) && lowerCase(intent.keyVersion) === lowerCase(keyVersion);
}

/**
 * The instance that a request says it is from, in lower case: Keyhold's User-Agent begins with `keyhold/<instance>`.
 * Null for any other client, which no row of the ledger can name; undefined where the log has no User-Agent, which
 * says nothing.
 */
export function instanceOf({ clientInfo }: VaultLogRow): string | null | undefined {
  return clientInfo ? (/^keyhold\/(\S+)/i.exec(clientInfo)?.[1]?.toLowerCase() ?? null) : undefined;
}

/**
 * By time, each row once however often it was read. Rows are compared only with those of the same millisecond and
 * request, since there are hundreds of thousands.
 */
export function sortedVault(rows: readonly VaultLogRow[]): VaultLogRow[] {
  const sorted = rows.toSorted(
    (a, b) => a.timeMs - b.timeMs || compareText(a.requestId, b.requestId) || compareText(identityOf(a), identityOf(b)),
  );
  return sorted.filter((row, place) => {
    const before = sorted[place - 1];
    const isOther = before?.timeMs !== row.timeMs || before.requestId !== row.requestId;
    return isOther || identityOf(before) !== identityOf(row);
  });
}

/** By time, each row once: of one that was read twice, the first that knows the outcome. The time follows from the id. */
export function sortedLedger(rows: readonly LedgerRow[]): LedgerRow[] {
  const lacksOutcome = ({ outcome }: LedgerRow) => Number(outcome === undefined);
  const sorted = rows.toSorted(
    (a, b) => a.timeMs - b.timeMs || compareText(a.id, b.id) || lacksOutcome(a) - lacksOutcome(b),
  );
  return sorted.filter(({ id }, place) => sorted[place - 1]?.id !== id);
}

/** Orders text by code unit, so that `sort` gives the same order on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
