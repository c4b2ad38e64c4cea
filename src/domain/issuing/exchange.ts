import { createHash } from "node:crypto";
import type { ClientRule } from "../policy/access-policy.ts";
import { adminConsentUrlOf } from "../shared/cloud.ts";
import { Fault, type FaultDetail } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import { type Deadline, withRetry } from "../shared/retry.ts";
import type { Scope } from "../shared/scope.ts";
import type { SignOrder } from "../signing/sign-assertion.ts";
import { classifyEntraError } from "./aadsts.ts";
import type { EntraAnswer, IssuingPorts } from "./ports.ts";
import type { TenantRefusal } from "./refusal.ts";

export type TokenOrder = SignOrder & { purpose: "token" | "canary"; client: ClientRule; scope: Scope };

export interface MintedToken {
  accessToken: string;
  /** Seconds since 1970, counted from before the request: never later than Entra's own. */
  expiresAt: number;
  lifetimeSeconds: number;
}

/** A clock that is off by more is not worked around: an assertion for another day is not what anybody should hold. */
const maxClockOffsetMs = 3_600_000;

/** Entra says that our clock is off, and by how much. */
export interface ClockSkewed {
  clockOffsetMs: number;
  codes: readonly number[];
}

/** An assertion of ours, with the vault's request that signed it, or of an identity, without. */
export interface Presented {
  ledgerId: Guid;
  clientAssertion: string;
  vaultRequestId?: string;
}

/** Trades the assertion for a token and tells the ledger what became of it. */
export async function exchange(
  order: TokenOrder,
  presented: Presented,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<Result<MintedToken, TenantRefusal> | ClockSkewed> {
  const { ledgerId } = presented;
  const vault = presented.vaultRequestId === undefined ? {} : { vaultRequestId: presented.vaultRequestId };
  let answer: EntraAnswer;
  const requestedMs = ports.clock();
  try {
    answer = await withRetry(() => post(order, presented, ports, deadline), ports, deadline);
  } catch (error) {
    const fault = error instanceof Fault ? error.code : "token_endpoint_unavailable";
    ports.ledger.recordOutcome(ledgerId, { outcome: "exchange_failed", ...vault, fault });
    throw error;
  }
  const requestId = answer.requestId === undefined ? {} : { entraRequestId: answer.requestId };
  if (!answer.issued) {
    const codes = answer.rejection.errorCodes;
    ports.ledger.recordOutcome(ledgerId, { outcome: "rejected", ...vault, codes, ...requestId });
    return refusedByEntra(order, answer, ports.clock());
  }
  const expiresAt = Math.floor(requestedMs / 1000) + answer.expiresInSeconds;
  ports.ledger.recordOutcome(ledgerId, {
    outcome: "issued",
    ...vault,
    ...requestId,
    tokenSha256: createHash("sha256").update(answer.accessToken).digest("hex"),
    tokenExpiresAt: expiresAt,
  });
  return ok({ accessToken: answer.accessToken, expiresAt, lifetimeSeconds: answer.expiresInSeconds });
}

/** One POST. What may pass by itself becomes a retryable fault, so that `withRetry` sees it. */
async function post(
  order: TokenOrder,
  presented: Presented,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<EntraAnswer> {
  const answer = await ports.tokenEndpoint.requestToken({
    tenantId: order.tenantId,
    clientId: order.clientId,
    scope: order.scope,
    clientAssertion: presented.clientAssertion,
    ledgerId: presented.ledgerId,
    signal: deadline.signal,
  });
  if (answer.issued) return answer;
  const kind = classifyEntraError(answer.rejection);
  const detail: FaultDetail = { codes: answer.rejection.errorCodes };
  if (answer.retryAfterSeconds !== undefined) detail.retryAfterSeconds = answer.retryAfterSeconds;
  if (kind === "throttled") throw new Fault("token_endpoint_throttled", detail);
  if (kind === "unavailable") throw new Fault("token_endpoint_unavailable", detail);
  return answer;
}

function refusedByEntra(
  order: TokenOrder,
  answer: EntraAnswer & { issued: false },
  nowMs: number,
): Result<MintedToken, TenantRefusal> | ClockSkewed {
  const codes = answer.rejection.errorCodes;
  const kind = classifyEntraError(answer.rejection);
  switch (kind) {
    case "not_consented": {
      const adminConsentUrl = adminConsentUrlOf(order.cloud, order.tenantId, order.clientId);
      return refuse({ reason: "tenant_not_consented", codes, adminConsentUrl });
    }
    case "blocked":
      return refuse({ reason: "tenant_blocked", codes });
    case "tenant_not_found":
      return refuse({ reason: "tenant_not_found", codes });
    case "resource_not_available":
      return refuse({ reason: "resource_not_available", codes });
    case "clock_skewed":
      if (answer.serverTimeMs === undefined) throw new Fault("clock_skewed", { codes });
      if (Math.abs(answer.serverTimeMs - nowMs) > maxClockOffsetMs) throw new Fault("clock_skewed", { codes });
      return { clockOffsetMs: answer.serverTimeMs - nowMs, codes };
    case "credential_rejected":
      throw new Fault("credential_rejected", { codes });
    case "loop_detected":
    case "unexpected":
    case "throttled":
    case "unavailable":
      throw new Fault("token_endpoint_rejected", { codes });
    default:
      return kind satisfies never;
  }
}
