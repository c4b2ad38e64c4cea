import { createHash } from "node:crypto";
import type { SignIntent, SignOutcome } from "../signing/ledger.ts";
import type { VaultLogRow } from "./vault-log.ts";

/**
 * What reconciliation reports, and the rows that it reads. Plain data: it does not decide (reconcile.ts), store or
 * send anything. Against a thief who signs behind the ledger (T7) and against a cut log or ledger (T15): ids are
 * hashes of what is reported, so a finding that is written twice is one finding, and one that vanishes is resolved,
 * never deleted.
 */

/** A row of the ledger, as far as reconciliation needs it: the intent, and of the outcome what may be there. */
export interface LedgerRow extends Required<Pick<SignIntent, "id" | "timeMs" | "keyName" | "keyVersion">> {
  outcome?: SignOutcome["outcome"];
  vaultRequestId?: string;
}

/**
 * - `unaccounted_signature` (0): our identity signed, and no intent of the ledger covers it.
 * - `foreign_identity`: another identity than ours signed (0), or tried to and was refused (2).
 * - `foreign_operation`: our identity did something else than sign (0), or tried to and was refused (1).
 * - `missing_record` (1): the ledger says signed, the vault's log does not: it was cut or tampered with.
 * - `unaccounted_refusal` (2): our identity was refused a signature that the ledger knows nothing of.
 * - `open_intents` (2): so many intents without known outcome that signatures could hide behind them.
 */
export type FindingKind =
  | "unaccounted_signature"
  | "foreign_identity"
  | "foreign_operation"
  | "missing_record"
  | "unaccounted_refusal"
  | "open_intents";

export interface Finding {
  /** The same for the same cause, whenever and however often it is found. */
  id: string;
  kind: FindingKind;
  severity: 0 | 1 | 2;
  /** Of the row that is reported; the start of the window for `open_intents`. Decides the window. */
  timeMs: number;
  /** Of the vault's log. `requestId` is also the ledger's for `missing_record`. */
  operation?: string;
  httpStatus?: number;
  requestId?: string;
  keyName?: string;
  keyVersion?: string;
  callerObjectId?: string;
  callerAppId?: string;
  callerAddress?: string;
  clientInfo?: string;
  ledgerId?: string;
  /**
   * Request ids of signatures that stand under an open intent which could be this one's too: that one signature is
   * unaccounted is certain, which of these it is, is not.
   */
  candidates?: readonly string[];
  /** Only for `open_intents`: how many of all. */
  openIntents?: number;
  intents?: number;
}

/** What makes two rows one: the log repeats rows as they are. Rows that differ in any of this are two. */
export function identityOf(row: VaultLogRow): string {
  const { requestId, operation, timeMs, httpStatus, keyName, keyVersion, callerObjectId, callerAddress } = row;
  return JSON.stringify([
    requestId,
    operation,
    timeMs,
    httpStatus,
    keyName ?? null,
    keyVersion ?? null,
    callerObjectId ?? null,
    callerAddress ?? null,
  ]);
}

/** A finding whose id follows from its kind and `cause` alone, so that the same cause has the same id in every run. */
export function createFinding(
  kind: FindingKind,
  severity: Finding["severity"],
  cause: string,
  facts: Omit<Finding, "id" | "kind" | "severity">,
): Finding {
  const id = createHash("sha256")
    .update(JSON.stringify([kind, cause]))
    .digest("hex")
    .slice(0, 32);
  return { id, kind, severity, ...facts };
}

/**
 * A window is evaluated more than once. `stored` are its findings so far that are not resolved. Findings in both may
 * have new details (candidates, counts) and are written again under their id.
 */
export function compareFindings(
  stored: readonly Finding[],
  current: readonly Finding[],
): { added: Finding[]; kept: Finding[]; resolved: Finding[] } {
  const before = new Set(stored.map(({ id }) => id));
  const after = new Set(current.map(({ id }) => id));
  return {
    added: current.filter(({ id }) => !before.has(id)),
    kept: current.filter(({ id }) => before.has(id)),
    resolved: stored.filter(({ id }) => !after.has(id)),
  };
}
