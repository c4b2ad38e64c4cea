/**
 * Faults: failures of Keyhold or its dependencies, not the caller's. Thrown, never returned. The message is the code:
 * texts of the vault, of Entra or of an SDK may hold key URLs, and are never copied (T5).
 */
export type FaultCode =
  | "signer_unauthorized"
  | "signer_forbidden"
  | "signer_key_disabled"
  | "signer_key_not_found"
  | "signer_rejected"
  | "signer_throttled"
  | "signer_unavailable"
  | "signature_not_ours"
  | "certificate_not_valid"
  | "identity_unavailable"
  | "credential_rejected"
  | "clock_skewed"
  | "token_endpoint_rejected"
  | "token_endpoint_throttled"
  | "token_endpoint_unavailable"
  | "token_not_as_asked"
  | "ledger_unavailable"
  | "policy_unavailable"
  | "caller_keys_unavailable";

export interface FaultDetail {
  /** Seconds, as the other side asked for (`Retry-After`, RFC 9110 §10.2.3). */
  retryAfterSeconds?: number;
  /** AADSTS numbers, or the HTTP status of the vault's answer: numbers only, so that no text can leak. */
  codes?: readonly number[];
  /** The vault's own request id, where it answered. */
  vaultRequestId?: string;
  /** Entra's own request id, where it answered. */
  entraRequestId?: string;
  /** Class and code of the error underneath, for operators; never its text. */
  because?: string;
  /** Whether the identity has another token since: with it the same call may succeed at once. */
  isTokenReplaced?: boolean;
  /** Whether the vault may have signed all the same (a time-out, a cut connection, a 5xx). */
  maybeSigned?: boolean;
}

const retryableCodes: ReadonlySet<FaultCode> = new Set([
  "signer_throttled",
  "signer_unavailable",
  "token_endpoint_throttled",
  "token_endpoint_unavailable",
]);

export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly detail: FaultDetail;

  constructor(code: FaultCode, detail: FaultDetail = {}) {
    super(code);
    this.code = code;
    this.detail = detail;
  }

  /** Whether the same call may succeed a moment later: only throttling, 5xx, the network, and a token that was replaced. */
  get isRetryable(): boolean {
    return retryableCodes.has(this.code) || this.detail.isTokenReplaced === true;
  }
}

/**
 * Where an error that is no `Fault` was thrown: `function file:line:column` for each frame, the innermost first, at most
 * 12. Nothing of the message, which could hold anything (invariant I6); empty where there is no stack. Never throws.
 */
export type FramesOf = (error: unknown) => readonly string[];
