import type { Finding, LedgerRow } from "./findings.ts";
import type { JudgedWindow } from "./sign-rate.ts";
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
