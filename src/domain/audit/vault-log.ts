/** One row of the vault's own audit log (Log Analytics table AZKVAuditLogs), as far as reconciliation needs it. */
export interface VaultLogRow {
  /** `TimeGenerated`, milliseconds since 1970. */
  timeMs: number;
  /** `OperationName`: KeySign, KeyGet, SecretGet, Authentication, ... */
  operation: string;
  /** The only sign of a refused operation, whose `ResultType` is Success too. 0 where the log has no status. */
  httpStatus: number;
  /** `CorrelationId`: the vault's own `x-ms-request-id` of the answer. Perhaps the caller's choice: it may repeat. */
  requestId: string;
  /** From `Id`, or where that is empty from `RequestUri`; lower case; undefined where the operation has no key. */
  keyName?: string;
  keyVersion?: string;
  /** Who: claims of `Identity`, lower case. */
  callerObjectId?: string;
  callerAppId?: string;
  callerAddress?: string;
  /** The User-Agent of the request. Keyhold's own begins with `keyhold/<instance>`. */
  clientInfo?: string;
}

/**
 * Requests of one identity that the vault refused for one reason (operation and status), with the details of the first.
 * However many are sent, they are one entry in each window.
 */
export interface Refusals extends VaultLogRow {
  count: number;
  /** When the last of them was, milliseconds since 1970. */
  lastMs: number;
}

/** How many relevant rows the log holds for a window so far, repeated ones included. */
export interface WindowCount {
  /** Start of the window, milliseconds since 1970. */
  fromMs: number;
  rows: number;
}
