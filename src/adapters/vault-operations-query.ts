/**
 * infra/queries/vault-operations.kql as the bundle carries it; a test keeps the two byte-equal. The file is what
 * Kusto's analyser checks and what an operator pastes into Log Analytics.
 */
export const vaultOperationsQuery = `// Every request that the vault logged in a time range, by anyone, whatever it touched: keys, secrets, certificates.
// Parameters, as let statements before this text: StartTime (included), EndTime (excluded), VaultResourceId
// (empty: every vault of the workspace), MaxRows (as many rows as this are no whole result: ask for a shorter range).
AZKVAuditLogs
| where TimeGenerated >= StartTime and TimeGenerated < EndTime
| where isempty(VaultResourceId) or _ResourceId =~ VaultResourceId
| extend Claims = Identity.claim
| extend ObjectId = coalesce(tostring(Claims.oid), tostring(Claims["http://schemas.microsoft.com/identity/claims/objectidentifier"]))
| extend AppId = coalesce(tostring(Claims.appid), tostring(Claims.azp))
| project
    TimeGenerated,
    OperationName,
    HttpStatusCode,
    CorrelationId,
    Id,
    RequestUri,
    ObjectId,
    AppId,
    CallerIpAddress = column_ifexists("CallerIpAddress", ""),
    ClientInfo = column_ifexists("ClientInfo", ""),
    _ResourceId
| order by TimeGenerated asc, CorrelationId asc, OperationName asc, RequestUri asc, HttpStatusCode asc
| take MaxRows
`;

export interface VaultOperationsRange {
  /** Included, milliseconds since 1970. */
  fromMs: number;
  /** Excluded. */
  toMs: number;
  vaultResourceId: string;
  maxRows: number;
}

/**
 * The parameters before the query. The resource id is an obfuscated literal (h"..."): the workspace's own record of
 * queries (LAQueryLogs) does not show it. It must hold no quote or backslash; the reader checks that.
 */
export function parameterize({ fromMs, toMs, vaultResourceId, maxRows }: VaultOperationsRange): string {
  const prologue = [
    `let StartTime = datetime(${new Date(fromMs).toISOString()});`,
    `let EndTime = datetime(${new Date(toMs).toISOString()});`,
    `let VaultResourceId = h"${vaultResourceId}";`,
    `let MaxRows = ${maxRows};`,
  ];
  return `${prologue.join("\n")}\n${vaultOperationsQuery}`;
}
