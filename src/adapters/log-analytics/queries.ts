/**
 * infra/queries/vault-operations.kql and vault-arrivals.kql as the bundle carries them; a test keeps them byte-equal.
 * The files are what Kusto's analyser checks and what an operator pastes into Log Analytics.
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

export const vaultArrivalsQuery = `// When the rows were generated that the log took in at some time: shows which earlier times got rows late.
// Parameters as of vault-operations.kql; StartTime and EndTime bound the time of ingestion here. To the second, because
// a batch of rows has one time of ingestion, and a batch must fit into one answer.
AZKVAuditLogs
| where ingestion_time() >= StartTime and ingestion_time() < EndTime
| where isempty(VaultResourceId) or _ResourceId =~ VaultResourceId
| distinct TimeGenerated = bin(TimeGenerated, 1s)
| order by TimeGenerated asc
| take MaxRows
`;

interface QueryParameters {
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
export function parameterize(query: string, { fromMs, toMs, vaultResourceId, maxRows }: QueryParameters): string {
  const prologue = [
    `let StartTime = datetime(${new Date(fromMs).toISOString()});`,
    `let EndTime = datetime(${new Date(toMs).toISOString()});`,
    `let VaultResourceId = h"${vaultResourceId}";`,
    `let MaxRows = ${maxRows};`,
  ];
  return `${prologue.join("\n")}\n${query}`;
}
