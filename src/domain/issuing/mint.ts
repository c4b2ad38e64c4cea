import { createHash } from "node:crypto";
import { adminConsentUrlOf } from "../cloud.ts";
import { Fault, type FaultDetail } from "../fault.ts";
import { ok, type Result, refuse } from "../result.ts";
import { classifyEntraError } from "./aadsts.ts";
import type { EntraAnswer, IssuingPorts } from "./ports.ts";
import type { TenantRefusal } from "./refusal.ts";
import { createDeadline, type Deadline, withRetry } from "./retry.ts";
import type { Scope } from "./scope.ts";
import { type SignedAssertion, type SignOrder, signAssertion } from "./sign-assertion.ts";

export type TokenOrder = SignOrder & { purpose: "token"; scope: Scope };

export interface MintedToken {
  accessToken: string;
  /** Seconds since 1970, counted from before the request: never later than Entra's own. */
  expiresAt: number;
  lifetimeSeconds: number;
}

/** Vault, Entra, ledger and all retries together. Far below what the host gives a function (host.json). */
export const mintDeadlineMs = 20_000;
/** A clock that is off by more is not worked around: an assertion for another day is not what anybody should hold. */
const maxClockOffsetMs = 3_600_000;

/**
 * One signature, one exchange: signs an assertion and trades it at Entra. A retried exchange uses the same assertion,
 * so throttling costs no signature. If Entra says that our clock is off, it is measured and one more is signed.
 */
export async function mint(order: TokenOrder, ports: IssuingPorts): Promise<Result<MintedToken, TenantRefusal>> {
  const deadline = createDeadline(ports.clock(), mintDeadlineMs);
  const first = await signAndExchange(order, ports, deadline, 0);
  if (!("clockOffsetMs" in first)) return first;
  const second = await signAndExchange(order, ports, deadline, first.clockOffsetMs);
  if ("clockOffsetMs" in second) throw new Fault("clock_skewed", { codes: second.codes });
  return second;
}

interface ClockSkewed {
  clockOffsetMs: number;
  codes: readonly number[];
}

async function signAndExchange(
  order: TokenOrder,
  ports: IssuingPorts,
  deadline: Deadline,
  clockOffsetMs: number,
): Promise<Result<MintedToken, TenantRefusal> | ClockSkewed> {
  const signed = await withRetry(() => signAssertion(order, ports, deadline, clockOffsetMs), ports, deadline);
  const { vaultRequestId } = signed;
  let answer: EntraAnswer;
  const requestedMs = ports.clock();
  try {
    answer = await withRetry(() => exchange(order, signed, ports, deadline), ports, deadline);
  } catch (error) {
    const fault = error instanceof Fault ? error.code : "token_endpoint_unavailable";
    ports.ledger.recordOutcome(signed.ledgerId, { outcome: "exchange_failed", vaultRequestId, fault });
    throw error;
  }
  const requestId = answer.requestId === undefined ? {} : { entraRequestId: answer.requestId };
  if (!answer.issued) {
    const codes = answer.rejection.errorCodes;
    ports.ledger.recordOutcome(signed.ledgerId, { outcome: "rejected", vaultRequestId, codes, ...requestId });
    return refusedByEntra(order, answer, ports.clock());
  }
  const expiresAt = Math.floor(requestedMs / 1000) + answer.expiresInSeconds;
  ports.ledger.recordOutcome(signed.ledgerId, {
    outcome: "issued",
    vaultRequestId,
    ...requestId,
    tokenSha256: createHash("sha256").update(answer.accessToken).digest("hex"),
    tokenExpiresAt: expiresAt,
  });
  return ok({ accessToken: answer.accessToken, expiresAt, lifetimeSeconds: answer.expiresInSeconds });
}

/** One POST. What may pass by itself becomes a retryable fault, so that `withRetry` sees it. */
async function exchange(
  order: TokenOrder,
  signed: SignedAssertion,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<EntraAnswer> {
  const answer = await ports.tokenEndpoint.requestToken({
    tenantId: order.authorization.tenant.tenantId,
    clientId: order.authorization.client.clientId,
    scope: order.scope,
    clientAssertion: signed.clientAssertion,
    ledgerId: signed.ledgerId,
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
  const { client, tenant } = order.authorization;
  const kind = classifyEntraError(answer.rejection);
  switch (kind) {
    case "not_consented": {
      const adminConsentUrl = adminConsentUrlOf(order.cloud, tenant.tenantId, client.clientId);
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
