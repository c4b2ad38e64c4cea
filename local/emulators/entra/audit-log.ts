/**
 * What the token service remembers of every token request, for tests and demonstrations. It never holds an assertion
 * or a token: whatever looks like one is struck out, also where a client put it into the wrong field.
 */
export interface EntraAuditEvent {
  time: string;
  tenantId: string;
  clientId: string;
  scope: string;
  /** `issued`, the AADSTS number, or `fault` where an injected fault was answered. */
  outcome: "issued" | "fault" | number;
  /** The OAuth error of a refused request. */
  error?: string;
  clientRequestId?: string;
  /** The `claims` parameter, as sent. */
  claims?: string;
  /** What the assertion said, as far as it could be read; not what was found to be true. */
  assertion?: {
    alg?: string;
    x5tS256?: string;
    x5t?: string;
    jti?: string;
    nbf?: number;
    iat?: number;
    exp?: number;
  };
  remoteAddress: string;
  /** SHA-256 of the issued token, hex. */
  tokenSha256?: string;
}

const keptEvents = 100_000;
const slack = 20_000;

/** Appends; the oldest go in large steps, so that an append costs the same however full the log is. */
export function appendAudit(audit: EntraAuditEvent[], event: EntraAuditEvent): void {
  audit.push(event);
  if (audit.length > keptEvents + slack) audit.splice(0, slack);
}

/** Text from a request, safe to keep. Every JWT starts with the base64 of `{"`. */
export function auditText(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.includes("eyJ") ? "(struck out)" : value.slice(0, 200);
}

/** What was asked of Graph. Never a body or a token. */
export interface GraphAuditEvent {
  time: string;
  method: string;
  path: string;
  status: number;
  /** Of the caller, where the token was good. */
  clientId?: string;
  objectId?: string;
}
