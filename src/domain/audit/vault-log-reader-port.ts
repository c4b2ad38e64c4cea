import type { VaultLogRow } from "./vault-log.ts";

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
