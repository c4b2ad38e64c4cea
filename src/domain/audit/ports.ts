import type { FramesOf } from "../shared/fault.ts";
import type { AuditEvent } from "./events.ts";
import type { Finding, LedgerRow, OpenFinding } from "./findings.ts";
import type { AuditNotes } from "./notes.ts";
import type { JudgedWindow } from "./sign-rate.ts";
import type { Refusals, VaultLogRow, WindowCount } from "./vault-log.ts";
import type { AuditState, Looks, WindowLook } from "./windows.ts";

/** Reads what the ledger holds. */
export interface LedgerReader {
  /** All rows whose intent is of `fromMs` <= time < `toMs`. */
  rowsBetween(fromMs: number, toMs: number): Promise<LedgerRow[]>;
}

/** Deletes the ledger's expired rows. */
export interface LedgerRetention {
  /** Deletes rows older than `beforeMs`, not necessarily all in one call. Returns how many. */
  expire(beforeMs: number): Promise<number>;
}

/** A window that must be evaluated again: it is before the watermark, or was evaluated too early. */
export interface Revisit {
  fromMs: number;
  /** ETag of the entry: it is removed only if nobody has asked for the window again meanwhile. */
  etag: string;
}

/** What the audit remembers. Every write is by a key of its own, so that to repeat it changes nothing. */
export interface AuditStore {
  loadState(): Promise<{ state: AuditState; etag: string } | undefined>;
  /** `conflict`: another run is at work and continues; this one stops. */
  saveState(state: AuditState, etag: string | undefined): Promise<{ etag: string } | "conflict">;
  /** The last looks at the windows that start at `fromMs` <= time < `toMs`. */
  looks(fromMs: number, toMs: number): Promise<Looks>;
  putLook(look: WindowLook): Promise<void>;
  /** Oldest first, at most so many. */
  revisits(limit: number): Promise<Revisit[]>;
  addRevisits(startsMs: readonly number[]): Promise<void>;
  removeRevisit(revisit: Revisit): Promise<void>;
  /** Findings of a window that are not resolved. */
  findingsOf(windowFromMs: number): Promise<Finding[]>;
  /** Findings of windows from then on that are not resolved. */
  openFindings(fromMs: number): Promise<OpenFinding[]>;
  /** Marks their notes as reported. */
  markNoted(findings: readonly OpenFinding[]): Promise<void>;
  putFindings(windowFromMs: number, findings: readonly Finding[], resolved: readonly Finding[]): Promise<void>;
  /** Evaluated windows from `fromMs` on, by key name. */
  windowsSince(fromMs: number): Promise<Map<string, Map<number, JudgedWindow>>>;
  putWindow(keyName: string, window: JudgedWindow): Promise<void>;
}

/**
 * Reads the vault's own audit log, which is not ours to write. Rows may still be missing (they come some ten minutes
 * late), may be repeated, and are in no order; the domain handles that. Rows without meaning for the audit are never
 * read: requests without an identity (401), and what other identities do besides signing.
 */
export interface VaultLogReader {
  /** The log's own clock, milliseconds since 1970. */
  now(): Promise<number>;
  /**
   * What the vault carried out at `fromMs` <= TimeGenerated < `toMs`: signatures by anybody, and everything by our
   * signing identity. A read that would be incomplete throws `VaultLogUnavailable`.
   */
  read(fromMs: number, toMs: number): Promise<VaultLogRow[]>;
  /** What it refused in that time. */
  refusals(fromMs: number, toMs: number): Promise<Refusals[]>;
  /** The windows with rows that the log took in at `fromMs` <= time < `toMs`, and how many rows each has by now. */
  arrivals(fromMs: number, toMs: number): Promise<WindowCount[]>;
}

export type VaultLogTrouble =
  /** Too many queries: retry later. */
  | "throttled"
  /** The identity may not read the log. */
  | "forbidden"
  /** The query or the workspace id is wrong: retrying does not help. */
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
  /** Seconds, if the service sent `Retry-After` (RFC 9110 §10.2.3). */
  retryAfterSeconds?: number;
  /** Status of the last answer, where there was one. */
  httpStatus?: number;
  /** Class and code of the error underneath, for operators; never its text. */
  because?: string;
}

/** The vault's log could not be read as a whole. The range stays unread; partial results must not be used. */
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
  /** Milliseconds since 1970. */
  clock: () => number;
  /** The identity that Keyhold signs with, and the keys whose rate is evaluated. */
  signingObjectId: string;
  keyNames: () => Promise<readonly string[]>;
  /** The operators' notes. Throws where they cannot be read. */
  notes: () => Promise<AuditNotes>;
  framesOf: FramesOf;
}
