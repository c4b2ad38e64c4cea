import { createHash } from "node:crypto";
import type { ClientRule } from "../policy/access-policy.ts";
import { adminConsentUrlOf } from "../shared/cloud.ts";
import { Fault } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import { type Deadline, partDeadline, withRetry } from "../shared/retry.ts";
import type { Scope } from "../shared/scope.ts";
import type { SignOrder } from "../signing/sign-assertion.ts";
import type { EntraAnswer } from "./entra-errors.ts";
import type { IssuingPorts } from "./ports.ts";
import type { TenantRefusal } from "./refusal.ts";

export type TokenOrder = SignOrder & { purpose: "token" | "canary"; client: ClientRule; scope: Scope; claims?: string };

export interface MintedToken {
  accessToken: string;
  /**
   * Seconds since 1970. Counted from the start of the request, or from its end if the clock was set back, so it is
   * never later than Entra's own expiry.
   */
  expiresAt: number;
  lifetimeSeconds: number;
}

/** A larger clock error is not corrected, so that an assertion is never valid for another day. */
const maxClockOffsetMs = 3_600_000;

/** Entra rejected the assertion because our clock is off, by this much. */
export interface ClockSkewed {
  clockOffsetMs: number;
  codes: readonly number[];
}

/**
 * An assertion to exchange: ours, with the id of the vault request that signed it, or a managed identity's, without
 * one.
 */
export interface Presented {
  ledgerId: Guid;
  clientAssertion: string;
  vaultRequestId?: string;
}

/** Exchanges the assertion for a token and records the outcome in the ledger. */
export async function exchange(
  order: TokenOrder,
  presented: Presented,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<Result<MintedToken, TenantRefusal> | ClockSkewed> {
  const { ledgerId } = presented;
  const vault = presented.vaultRequestId === undefined ? {} : { vaultRequestId: presented.vaultRequestId };
  const own = partDeadline(deadline, ports);
  const request = {
    tenantId: order.tenantId,
    clientId: order.clientId,
    scope: order.scope,
    ...(order.claims === undefined ? {} : { claims: order.claims }),
    clientAssertion: presented.clientAssertion,
    ledgerId,
    signal: own.signal,
  };
  let answer: EntraAnswer;
  const requestedMs = ports.clock();
  try {
    const requestToken = () => withRetry(() => ports.tokenEndpoint.requestToken(request), ports, own);
    answer = await requestToken();
    // Right after consent not all of Entra's servers know about it, so the next attempt may succeed.
    if (!answer.issued && answer.kind === "not_consented") answer = await requestToken();
  } catch (error) {
    const fault = error instanceof Fault ? error.code : "token_endpoint_unavailable";
    ports.ledger.recordOutcome(ledgerId, { outcome: "exchange_failed", ...vault, fault });
    throw error;
  }
  const requestId = answer.requestId === undefined ? {} : { entraRequestId: answer.requestId };
  if (!answer.issued) {
    ports.ledger.recordOutcome(ledgerId, { outcome: "rejected", ...vault, codes: answer.codes, ...requestId });
    return refusedByEntra(order, answer, ports.clock());
  }
  const expiresAt = Math.floor(Math.min(requestedMs, ports.clock()) / 1000) + answer.expiresInSeconds;
  ports.ledger.recordOutcome(ledgerId, {
    outcome: "issued",
    ...vault,
    ...requestId,
    tokenSha256: createHash("sha256").update(answer.accessToken).digest("hex"),
    tokenExpiresAt: expiresAt,
  });
  return ok({ accessToken: answer.accessToken, expiresAt, lifetimeSeconds: answer.expiresInSeconds });
}

function refusedByEntra(
  order: TokenOrder,
  { kind, codes, serverTimeMs }: EntraAnswer & { issued: false },
  nowMs: number,
): Result<MintedToken, TenantRefusal> | ClockSkewed {
  switch (kind) {
    case "not_consented": {
      const adminConsentUrl = adminConsentUrlOf(order.cloud, order.tenantId, order.clientId);
      return refuse({ reason: "tenant_not_consented", codes, adminConsentUrl });
    }
    case "not_assigned":
      return refuse({ reason: "tenant_not_assigned", codes });
    case "consent_incomplete":
      return refuse({ reason: "tenant_consent_incomplete", codes });
    case "blocked":
      return refuse({ reason: "tenant_blocked", codes });
    case "tenant_not_found":
      return refuse({ reason: "tenant_not_found", codes });
    case "resource_not_available":
      return refuse({ reason: "resource_not_available", codes });
    case "clock_skewed":
      if (serverTimeMs === undefined) throw new Fault("clock_skewed", { codes });
      if (Math.abs(serverTimeMs - nowMs) > maxClockOffsetMs) throw new Fault("clock_skewed", { codes });
      return { clockOffsetMs: serverTimeMs - nowMs, codes };
    case "credential_rejected":
      throw new Fault("credential_rejected", { codes });
    case "loop_detected":
    case "unexpected":
      throw new Fault("token_endpoint_rejected", { codes });
    default:
      return kind satisfies never;
  }
}
