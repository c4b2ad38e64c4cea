/**
 * Copies of infra/queries/vault-*.kql for the bundle; a test checks that they are byte-equal. Kusto's analyser checks
 * the files, and operators paste them into Log Analytics.
 */
export const vaultOperationsQuery = `// What the vault carried out in a time range: signatures by anybody, and everything that the signing identity did to
// keys, secrets and certificates. What it refused is in vault-refusals.kql.
// Parameters, as let statements before this text: StartTime (included), EndTime (excluded), VaultResourceId
// (empty: every vault of the workspace), SigningObjectId, MaxRows (as many rows as this are no whole result: ask for a
// shorter range).
AZKVAuditLogs
| where TimeGenerated >= StartTime and TimeGenerated < EndTime
| where isempty(VaultResourceId) or _ResourceId =~ VaultResourceId
| where coalesce(HttpStatusCode, 0) < 400
| extend Claims = Identity.claim
| extend ObjectId = coalesce(tostring(Claims.oid), tostring(Claims["http://schemas.microsoft.com/identity/claims/objectidentifier"]))
| where OperationName =~ "KeySign" or ObjectId =~ SigningObjectId
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
    ClientInfo = column_ifexists("ClientInfo", "")
| take MaxRows
`;

export const vaultRefusalsQuery = `// What the vault refused in a time range, in the scope of vault-operations.kql and with its parameters: one row for each
// identity, operation and status, however many requests there were, with the facts of the first. A 401 is none: nobody
// was identified, and the SDK's first request always gets one.
AZKVAuditLogs
| where TimeGenerated >= StartTime and TimeGenerated < EndTime
| where isempty(VaultResourceId) or _ResourceId =~ VaultResourceId
| where HttpStatusCode >= 400 and HttpStatusCode != 401
| extend Claims = Identity.claim
| extend ObjectId = coalesce(tostring(Claims.oid), tostring(Claims["http://schemas.microsoft.com/identity/claims/objectidentifier"]))
| where OperationName =~ "KeySign" or ObjectId =~ SigningObjectId
| extend AppId = coalesce(tostring(Claims.appid), tostring(Claims.azp))
| extend CallerIpAddress = column_ifexists("CallerIpAddress", ""), ClientInfo = column_ifexists("ClientInfo", "")
| distinct TimeGenerated, OperationName, HttpStatusCode, CorrelationId, Id, RequestUri, ObjectId, AppId, CallerIpAddress, ClientInfo
| summarize
    Requests = count(),
    LastTime = max(TimeGenerated),
    arg_min(TimeGenerated, CorrelationId, Id, RequestUri, AppId, CallerIpAddress, ClientInfo)
    by ObjectId, OperationName, HttpStatusCode
| take MaxRows
`;

export const vaultArrivalsQuery = `// Windows of five minutes with rows that the log took in at some time, and how many rows each has by now: another number
// than at the last look shows that rows came late. Parameters and scope of vault-operations.kql and vault-refusals.kql
// together; StartTime and EndTime bound the time of ingestion here.
let Rows = AZKVAuditLogs
    | where isempty(VaultResourceId) or _ResourceId =~ VaultResourceId
    | where coalesce(HttpStatusCode, 0) != 401
    | extend Claims = Identity.claim
    | extend ObjectId = coalesce(tostring(Claims.oid), tostring(Claims["http://schemas.microsoft.com/identity/claims/objectidentifier"]))
    | where OperationName =~ "KeySign" or ObjectId =~ SigningObjectId
    | project TimeGenerated, Window = bin(TimeGenerated, 5m), IngestedTime = ingestion_time();
let Touched = Rows | where IngestedTime >= StartTime and IngestedTime < EndTime | distinct Window;
let Since = toscalar(Touched | summarize min(Window));
Rows
| where TimeGenerated >= Since
| where Window in (Touched)
| summarize Rows = count() by Window
| take MaxRows
`;

export const vaultNowQuery = `// The log's own clock: the audit takes the earlier of this and its own.
print Now = now()
`;

interface QueryParameters {
  /** Included, milliseconds since 1970. */
  fromMs: number;
  /** Excluded. */
  toMs: number;
  vaultResourceId: string;
  signingObjectId: string;
  maxRows: number;
}

/**
 * Puts the parameters before the query. The ids are obfuscated literals (h"..."), so the workspace's own record of
 * queries (LAQueryLogs) does not show them. They must not contain a quote or backslash; the reader checks that.
 */
export function parameterize(query: string, parameters: QueryParameters): string {
  const { fromMs, toMs, vaultResourceId, signingObjectId, maxRows } = parameters;
  const prologue = [
    `let StartTime = datetime(${new Date(fromMs).toISOString()});`,
    `let EndTime = datetime(${new Date(toMs).toISOString()});`,
    `let VaultResourceId = h"${vaultResourceId}";`,
    `let SigningObjectId = h"${signingObjectId}";`,
    `let MaxRows = ${maxRows};`,
  ];
  return `${prologue.join("\n")}\n${query}`;
}
