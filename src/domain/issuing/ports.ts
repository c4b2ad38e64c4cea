import type { Guid } from "../guid.ts";
import type { Ledger } from "../sign-audit/ledger.ts";
import type { EntraRejection } from "./aadsts.ts";
import type { Scope } from "./scope.ts";

/** What the way of a token needs from outside. One adapter per port; tests have fakes. */

/** Has the vault sign. */
export interface AssertionSigner {
  /**
   * One request to the vault, no retry: a second signature needs a second intent. `keyId` is the versioned key URL.
   * Throws a `Fault` with one of the codes signer_*; `maybeSigned` is set where the vault's answer is not known.
   */
  sign(input: { keyId: string; digest: Uint8Array; signal: AbortSignal }): Promise<VaultSignature>;
}

export interface VaultSignature {
  signature: Uint8Array;
  /** The `kid` of the vault's answer: the versioned key URL that really signed. */
  keyId: string;
  /** The vault's `x-ms-request-id`, which its audit log shows as CorrelationId. */
  requestId: string;
}

/** Trades a signed assertion for an access token. */
export interface TokenEndpoint {
  /**
   * One POST, no retry. A "no" of Entra is a value; throws a `Fault` token_endpoint_* where there is no answer.
   */
  requestToken(input: {
    tenantId: Guid;
    clientId: Guid;
    scope: Scope;
    clientAssertion: string;
    /** Sent as `client-request-id`. */
    ledgerId: Guid;
    signal: AbortSignal;
  }): Promise<EntraAnswer>;
}

export type EntraAnswer =
  | { issued: true; accessToken: string; expiresInSeconds: number; requestId?: string }
  | {
      issued: false;
      rejection: EntraRejection;
      requestId?: string;
      retryAfterSeconds?: number;
      /** The `Date` of the answer, milliseconds since 1970: shows how far our clock is off. */
      serverTimeMs?: number;
    };

export interface IssuingPorts {
  signer: AssertionSigner;
  tokenEndpoint: TokenEndpoint;
  ledger: Ledger;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Resolves after `ms`; rejects when the signal aborts. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 <= x < 1, for jitter only. */
  random: () => number;
}
