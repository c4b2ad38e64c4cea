import { createHash } from "node:crypto";
import type { SignIntent, SignOutcome } from "../signing/ledger.ts";
import type { VaultLogRow } from "./vault-log.ts";

/**
 * What reconciliation reports, and the rows that it reads. Plain data: it does not decide (reconcile.ts), store or
 * send anything. Protects against signatures that bypass the ledger (T7) and against a cut log or ledger (T15). An id is
 * the hash of what is reported, so a finding that is written twice is one finding. A finding that no longer holds is
 * marked as resolved, never deleted.
 */

/** A row of the ledger, as far as reconciliation needs it: the intent, and the outcome if known. */
export interface LedgerRow extends Required<Pick<SignIntent, "id" | "timeMs" | "keyName" | "keyVersion" | "instance">> {
  outcome?: SignOutcome["outcome"];
  vaultRequestId?: string;
}

/**
 * - `unaccounted_signature` (0): our identity signed, and no intent of the ledger covers it.
 * - `foreign_identity`: another identity than ours signed (0), or tried to and was refused (2).
 * - `foreign_operation`: our identity did something else than sign (0), or tried to and was refused (1).
 * - `missing_record` (1): the ledger says signed, the vault's log does not: it was cut or tampered with.
 * - `unaccounted_refusal` (2): our identity was refused more signatures than the ledger knows of.
 * - `open_intents` (2): so many intents without known outcome that signatures could hide behind them.
 */
export type FindingKind =
  | "unaccounted_signature"
  | "foreign_identity"
  | "foreign_operation"
  | "missing_record"
  | "unaccounted_refusal"
  | "open_intents";

/**
 * Why no intent accounts for a signature: none knows its request (`no_intent`); an earlier row has the same request id
 * (`repeated_request`); the intent with its request id says that it was not signed (`denied`), or has another key or a
 * time that is too far away; an open intent would cover it, but is another instance's.
 */
export type UnaccountedReason =
  | "no_intent"
  | "repeated_request"
  | "denied"
  | "other_key"
  | "other_time"
  | "other_instance";

export interface Finding {
  /** The same for the same cause, however often it is found. */
  id: string;
  kind: FindingKind;
  severity: 0 | 1 | 2;
  /**
   * The time of the row that is reported, of several the first; for `open_intents` the start of the window. It decides
   * the window.
   */
  timeMs: number;
  /** Only of an unaccounted signature. */
  reason?: UnaccountedReason;
  /** How many rows the finding stands for, and the time of the last; absent for one. */
  count?: number;
  lastMs?: number;
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
   * Request ids of the signatures that are matched to open intents which could also cover this one. One of all these is
   * unaccounted for, but not necessarily this one.
   */
  candidates?: readonly string[];
  /** Only for `open_intents`: out of how many intents. */
  openIntents?: number;
  intents?: number;
}

/** A finding that no late row has explained. */
export interface OpenFinding {
  windowFromMs: number;
  finding: Finding;
  /** The note on it has been reported. */
  isNoted: boolean;
}

/** Identifies a row of the log, which may repeat rows. Rows that differ in any of this are different rows. */
export function identityOf(row: VaultLogRow): string {
  const { requestId, operation, timeMs, httpStatus, keyName, keyVersion, callerObjectId, callerAddress } = row;
  // What is absent is written as null.
  return JSON.stringify([
    ...[requestId, operation, timeMs, httpStatus],
    ...[keyName, keyVersion, callerObjectId, callerAddress],
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

/** Most findings of a kind that are listed in a window; the others are one finding with their number. */
export const listedFindings = 100;

/**
 * A hundred thousand signatures must not flood the audit with reports. Findings that are `stored` already stay listed,
 * so that a late row does not seem to explain one. `findings` are in order of time.
 */
export function limitFindings(
  findings: readonly Finding[],
  stored: readonly Finding[],
  windowFromMs: number,
): Finding[] {
  const known = new Set(stored.map(({ id }) => id));
  return [...Map.groupBy(findings, ({ kind, severity }) => `${kind} ${severity}`).entries()].flatMap(([group, all]) => {
    const ordered = [...all.filter(({ id }) => known.has(id)), ...all.filter(({ id }) => !known.has(id))];
    const rest = ordered.slice(listedFindings);
    const [first] = rest;
    if (!first) return all;
    const count = rest.reduce((sum, one) => sum + (one.count ?? 1), 0);
    const lastMs = rest.reduce((last, one) => Math.max(last, one.lastMs ?? one.timeMs), 0);
    const facts = { timeMs: first.timeMs, lastMs, count };
    const more = createFinding(first.kind, first.severity, `${windowFromMs} ${group} more`, facts);
    return [...ordered.slice(0, listedFindings), more];
  });
}

/**
 * A window is evaluated more than once. `stored` are its findings so far that are not resolved. A finding in both is
 * `changed` where its details (candidates, counts) are new, to be written again under its id.
 */
export function compareFindings(
  stored: readonly Finding[],
  current: readonly Finding[],
): { added: Finding[]; changed: Finding[]; resolved: Finding[] } {
  const before = new Map(stored.map((finding) => [finding.id, JSON.stringify(finding)]));
  const after = new Set(current.map(({ id }) => id));
  return {
    added: current.filter(({ id }) => !before.has(id)),
    changed: current.filter((finding) => before.has(finding.id) && before.get(finding.id) !== JSON.stringify(finding)),
    resolved: stored.filter(({ id }) => !after.has(id)),
  };
}
