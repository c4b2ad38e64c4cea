/** One row of the vault's own audit log (Log Analytics table AZKVAuditLogs), as far as reconciliation needs it. */
export interface VaultLogRow {
  /** `TimeGenerated`, milliseconds since 1970. */
  timeMs: number;
  /** `OperationName`: KeySign, KeyGet, SecretGet, Authentication, ... */
  operation: string;
  /** A refused operation is logged with `ResultType` Success too: only the status tells. */
  httpStatus: number;
  /** `CorrelationId`: the vault's own `x-ms-request-id` of the answer. */
  requestId: string;
  /** From `Id`, or where that is empty from `RequestUri`; lower case; undefined where the operation has no key. */
  keyName?: string;
  keyVersion?: string;
  /** Who: claims of `Identity`, lower case. */
  callerObjectId?: string;
  callerAppId?: string;
  callerAddress?: string;
  clientInfo?: string;
}
