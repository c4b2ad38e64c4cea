import type { Caller } from "../policy/access-policy.ts";
import type { FramesOf } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import type { Result } from "../shared/result.ts";
import type { RetryPorts, StartDeadline } from "../shared/retry.ts";
import type { Scope } from "../shared/scope.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import type { AccountablePorts } from "../signing/ports.ts";

import type { EntraAnswer } from "./entra-errors.ts";
import type { CallerRefusal } from "./refusal.ts";
import type { TokenCacheKey } from "./token-cache.ts";

/** What issuing needs from outside. There is one adapter per port; tests use fakes. */

/** Verifies a caller's own token. Throws `caller_keys_unavailable` if there is no key to verify with. */
export interface CallerVerifier {
  verify(callerToken: string, nowMs: number): Promise<Result<Caller, CallerRefusal>>;
}

/** Exchanges a signed assertion for an access token. */
export interface TokenEndpoint {
  /**
   * One POST, no retry. A rejection by Entra is returned as a value.
   * @throws Fault `token_endpoint_*` if there is no answer, or the answer only asks to retry later
   */
  requestToken(input: {
    tenantId: Guid;
    clientId: Guid;
    scope: Scope;
    /** JSON (OpenID Connect Core §5.5). */
    claims?: string;
    clientAssertion: string;
    /** Sent as `client-request-id`. */
    ledgerId: Guid;
    signal: AbortSignal;
  }): Promise<EntraAnswer>;
}

/** Tokens of our managed identities, for clients that have no key (workload identity federation). */
export interface FederatedIdentity {
  /** Throws a `Fault` `identity_unavailable`. */
  getAssertion(identityClientId: Guid, signal: AbortSignal): Promise<string>;
  /**
   * Requests a token to replace this one, which Entra has refused. Returns whether the identity has another one. Never
   * rejects.
   */
  replace(identityClientId: Guid, assertion: string): Promise<boolean>;
}

/** A client that signs with certificates: its id, and its certificates in the order of the policy. */
export interface CertificateClient {
  clientId: Guid;
  certificates: readonly SigningCertificate[];
}

/** Which certificate signs now. Reads come from memory; changes are stored in the background. */
export interface CurrentCredentials {
  certificateOf(client: CertificateClient, nowMs: number): SigningCertificate | undefined;
  /** The certificates to try if Entra rejects `refused`, best first. */
  alternativesTo(refused: SigningCertificate, client: CertificateClient, nowMs: number): SigningCertificate[];
  /** Whether the key version that would sign is disabled. Then cached tokens are not returned either. */
  isStopped(client: CertificateClient, nowMs: number): boolean;
  /** Notes that Entra refused the certificate to this process. */
  noteRefused(client: CertificateClient, certificate: SigningCertificate, nowMs: number): void;
  noteFallback(
    client: CertificateClient,
    change: { refused: SigningCertificate; accepted: SigningCertificate; codes: readonly number[] },
    nowMs: number,
  ): void;
  noteDisabled(client: CertificateClient, certificate: SigningCertificate, nowMs: number): void;
  noteSigned(client: CertificateClient, certificate: SigningCertificate, nowMs: number): void;
}

/** A token as instances share it. Times without a unit are seconds since 1970. */
export interface SharedToken {
  accessToken: string;
  expiresAt: number;
  lifetimeSeconds: number;
  /** As in `CachedToken`. */
  mintedAtMs: number;
}

/**
 * Tokens that all instances share. No request depends on it: nothing here throws, and each call resolves within 250 ms,
 * with an event if something was wrong.
 */
export interface SharedTokens {
  /** Whether many requests are waiting, so that none should be sent in advance. */
  isBusy(): boolean;
  /** The fleet's token for this key, if it is valid and one of our instances stored it for exactly this key. */
  find(key: TokenCacheKey): Promise<SharedToken | undefined>;
  /**
   * Asks for the right to mint. `granted`: until it is released or, at the latest, a little after the deadline of a
   * mint. `held`: another instance has it. `unknown`: the shared cache does not answer.
   */
  claim(key: TokenCacheKey): Promise<"granted" | "held" | "unknown">;
  /**
   * Stores a new token. The claim is kept: an instance that looked just before then finds the token at its next look,
   * instead of minting.
   */
  store(key: TokenCacheKey, token: SharedToken): Promise<void>;
  /** Releases the claim, because there will be no token. */
  release(key: TokenCacheKey): Promise<void>;
  /** Deletes expired rows and every token that is no longer wanted. */
  sweep(isWanted: (token: Pick<SharedToken, "mintedAtMs">, clientId: Guid, tenantId: Guid) => boolean): Promise<void>;
}

export interface IssuingPorts extends AccountablePorts, RetryPorts {
  federatedIdentity: FederatedIdentity;
  tokenEndpoint: TokenEndpoint;
  credentials: CurrentCredentials;
  startDeadline: StartDeadline;
  framesOf: FramesOf;
}
