/**
 * What the token service records of every token request, for tests and demonstrations. It never contains an assertion
 * or a token: anything that looks like one is removed, even if a client put it into the wrong field.
 */
export interface EntraAuditEvent {
  time: string;
  tenantId: string;
  clientId: string;
  scope: string;
  /** `issued`, the AADSTS number, or `fault` for an injected fault. */
  outcome: "issued" | "fault" | number;
  /** The OAuth error of a refused request. */
  error?: string;
  clientRequestId?: string;
  /** The `claims` parameter, as sent. */
  claims?: string;
  /** The content of the assertion, as far as it could be read. It is not verified. */
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

/**
 * Appends an event. The oldest are dropped in large steps, so that the cost of an append does not depend on the size of
 * the log.
 */
export function appendAudit(audit: EntraAuditEvent[], event: EntraAuditEvent): void {
  audit.push(event);
  if (audit.length > keptEvents + slack) audit.splice(0, slack);
}

/** Makes text from a request safe to keep. Every JWT starts with the base64 of `{"`. */
export function auditText(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.includes("eyJ") ? "(struck out)" : value.slice(0, 200);
}

/** A request to Graph. Never contains a body or a token. */
export interface GraphAuditEvent {
  time: string;
  method: string;
  path: string;
  status: number;
  /** The caller, if the token was valid. */
  clientId?: string;
  objectId?: string;
}
