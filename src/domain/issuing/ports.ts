import type { CurrentCredentials } from "../credentials/current-credentials.ts";
import type { Guid } from "../shared/guid.ts";
import type { Scope } from "../shared/scope.ts";
import type { AccountablePorts } from "../signing/sign.ts";
import type { EntraRejection } from "./aadsts.ts";

/** What the way of a token needs from outside. One adapter per port; tests have fakes. */

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

/** Tokens of managed identities of ours, for clients that have no key (workload identity federation). */
export interface FederatedIdentity {
  /** Throws a `Fault` identity_unavailable. */
  getAssertion(identityClientId: Guid, signal: AbortSignal): Promise<string>;
}

export interface IssuingPorts extends AccountablePorts {
  federatedIdentity: FederatedIdentity;
  tokenEndpoint: TokenEndpoint;
  credentials: CurrentCredentials;
  /** Resolves after `ms`; rejects when the signal aborts. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 <= x < 1, for jitter only. */
  random: () => number;
}
