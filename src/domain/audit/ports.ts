import type { FramesOf } from "../shared/fault.ts";
import type { AuditEvent } from "./events.ts";
import type { Finding, LedgerRow } from "./findings.ts";
import type { JudgedWindow } from "./sign-rate.ts";
import type { VaultLogRow } from "./vault-log.ts";
import type { AuditState } from "./windows.ts";

/** Reads what the ledger holds. */
export interface LedgerReader {
  /** All rows whose intent is of `fromMs` <= time < `toMs`. */
  rowsBetween(fromMs: number, toMs: number): Promise<LedgerRow[]>;
}

/** Lets the ledger end where it is not kept any longer. */
export interface LedgerRetention {
  /** Deletes rows of before, not necessarily all at once. Returns how many. */
  expire(beforeMs: number): Promise<number>;
}

/** What the audit remembers. Every write is by a key of its own, so that to repeat it changes nothing. */
export interface AuditStore {
  loadState(): Promise<{ state: AuditState; etag: string } | undefined>;
  /** `conflict`: another run is at work, which is then the one to go on. */
  saveState(state: AuditState, etag: string | undefined): Promise<{ etag: string } | "conflict">;
  /** Findings of a window that are not resolved. */
  findingsOf(windowFromMs: number): Promise<Finding[]>;
  putFindings(windowFromMs: number, findings: readonly Finding[], resolved: readonly Finding[]): Promise<void>;
  /** Judged windows from then on, by key name. */
  windowsSince(fromMs: number): Promise<Map<string, Map<number, JudgedWindow>>>;
  putWindow(keyName: string, window: JudgedWindow): Promise<void>;
}

/** Reads the vault's own audit log, which is not ours to write. */
export interface VaultLogReader {
  /**
   * All rows with `fromMs` <= TimeGenerated < `toMs` that can be queried by now, or none at all: a read that is not whole
   * throws `VaultLogUnavailable`. Rows may be missing still (they come some ten minutes late), may come twice, and are
   * in no order: what to make of that is the domain's job.
   */
  read(fromMs: number, toMs: number): Promise<VaultLogRow[]>;
  /** Times (`TimeGenerated`) of the rows that the log took in at `fromMs` <= time < `toMs`: late ones among them. */
  arrivals(fromMs: number, toMs: number): Promise<number[]>;
}

export type VaultLogTrouble =
  /** Too many queries: later. */
  | "throttled"
  /** The identity may not read the log. */
  | "forbidden"
  /** The query or the workspace id is wrong: no later attempt will do better. */
  | "rejected"
  /** One millisecond has more than an answer holds, or an answer stayed partial down to a millisecond. */
  | "incomplete"
  /** The answer is not of the agreed shape. */
  | "unexpected"
  /** No answer within the deadline. */
  | "timed_out"
  /** A 5xx, or no connection. */
  | "unavailable";

export interface VaultLogUnavailableDetail {
  /** Seconds, as the service asked for (`Retry-After`, RFC 9110 §10.2.3). */
  retryAfterSeconds?: number;
  /** Status of the last answer, where there was one. */
  httpStatus?: number;
  /** Class and code of the error underneath, for operators; never its text. */
  because?: string;
}

/** The vault's log could not be read as a whole. The range stays unread; nothing of it may be taken for the log. */
export class VaultLogUnavailable extends Error {
  override readonly name = "VaultLogUnavailable";
  readonly trouble: VaultLogTrouble;
  readonly detail: VaultLogUnavailableDetail;

  constructor(trouble: VaultLogTrouble, detail: VaultLogUnavailableDetail = {}) {
    super(`vault_log_${trouble}`);
    this.trouble = trouble;
    this.detail = detail;
  }
}

/** All that a run of the audit needs. */
export interface SignAuditPorts {
  vaultLog: VaultLogReader;
  ledger: LedgerReader;
  retention: LedgerRetention;
  /** Milliseconds. */
  ledgerKeptMs: number;
  store: AuditStore;
  record: (event: AuditEvent) => void;
  /** The identity that Keyhold signs with, and the keys whose rate is judged. */
  signingObjectId: string;
  keyNames: () => Promise<readonly string[]>;
  framesOf: FramesOf;
}
