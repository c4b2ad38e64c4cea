import { Fault, type FaultCode, type FaultDetail } from "../../domain/shared/fault.ts";
import { errorClass, parseRetryAfter } from "../azure/error.ts";
import { TokenRefused } from "../azure/refused-token.ts";

/** Error codes of a socket that never connected: nothing was sent, so nothing was signed. */
const neverSent: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/** The parts of the vault's HTTP answer that are kept. */
export interface VaultAnswer {
  status: number;
  requestId: string;
  retryAfter: string | undefined;
  body: string;
}

/**
 * Turns any error of the SDK into a `Fault`. The text of an SDK error contains the key's URL, so only numbers and known
 * codes are copied, and a new kind of error cannot leak anything.
 */
export function keyVaultFault(
  error: unknown,
  answer: VaultAnswer | undefined,
  nowMs: number,
  /** Whether the request had a connection; undefined if not known. */
  wasSent?: boolean,
): Fault {
  if (error instanceof TokenRefused) {
    const { isReplaced, requestId } = error;
    const detail = { codes: [401], ...(requestId && { vaultRequestId: requestId }) };
    return new Fault("signer_unauthorized", isReplaced ? { ...detail, isTokenReplaced: true } : detail);
  }
  if (!answer) {
    const maybeSigned = !isWithoutToken(error) && (wasSent ?? mayHaveBeenSent(error));
    return new Fault("signer_unavailable", { maybeSigned, because: errorClass(error) });
  }
  const { status, requestId, retryAfter, body } = answer;
  const detail: FaultDetail = { codes: [status] };
  if (requestId) detail.vaultRequestId = requestId;
  const retryAfterSeconds = parseRetryAfter(retryAfter, nowMs);
  if (retryAfterSeconds !== undefined) detail.retryAfterSeconds = retryAfterSeconds;
  if (status >= 500 || status < 400) detail.maybeSigned = true;
  return new Fault(codeOf(status, body), detail);
}

/** Source: Key Vault REST API, "Authentication, requests and responses"; inner codes as seen in public reports. */
function codeOf(status: number, body: string): FaultCode {
  if (status === 401) return "signer_unauthorized";
  if (status === 403) return body.includes('"KeyDisabled"') ? "signer_key_disabled" : "signer_forbidden";
  if (status === 404) return "signer_key_not_found";
  if (status === 408) return "signer_unavailable";
  if (status === 429) return "signer_throttled";
  if (status >= 500) return "signer_unavailable";
  return "signer_rejected";
}

/** Whether the SDK got no token. Then only the challenge request was sent. */
function isWithoutToken(error: unknown): boolean {
  return error instanceof Error && /^(Authentication|CredentialUnavailable|AggregateAuthentication)/.test(error.name);
}

/** Whether the vault may have signed: a request that never got a connection was not sent. */
function mayHaveBeenSent(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  return !neverSent.has((error as { code?: unknown }).code) && !neverSent.has(codeOfCause(error));
}

function codeOfCause(error: Error): unknown {
  return error.cause instanceof Error ? (error.cause as { code?: unknown }).code : undefined;
}
