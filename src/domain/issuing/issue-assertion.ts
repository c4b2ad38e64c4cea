import { createHash } from "node:crypto";
import type { Guid } from "../guid.ts";
import { ok, type Result } from "../result.ts";
import type { Authorization } from "./access-policy.ts";
import { admit } from "./admit.ts";
import type { IssuingContext } from "./issue-token.ts";
import { mintDeadlineMs } from "./mint.ts";
import type { Refusal } from "./refusal.ts";
import { createDeadline, withRetry } from "./retry.ts";
import { signAssertion } from "./sign-assertion.ts";

export interface AssertionRequest {
  tenantId: Guid;
  clientId: Guid;
  callerToken: string;
}

export interface IssuedAssertion {
  clientAssertion: string;
  expiresInSeconds: number;
  authorization: Authorization;
}

/**
 * The way of an assertion: verify caller -> authorize -> sign -> answer. For the few callers that must talk to Entra
 * themselves and have a grant that says so. Whoever holds it can ask for any scope that the tenant consented to until
 * it expires, so it is never cached and every one is a signature in the ledger.
 */
export async function issueAssertion(
  request: AssertionRequest,
  context: IssuingContext,
): Promise<Result<IssuedAssertion, Refusal>> {
  const admitted = await admit({ ...request, issues: "assertion" }, context);
  if (!admitted.ok) return admitted;
  const budget = context.budget.take(admitted.value.caller.objectId, context.clock());
  if (!budget.ok) return budget;
  const deadline = createDeadline(context.clock(), mintDeadlineMs);
  const { cloud, instance } = context;
  const order = { purpose: "assertion" as const, authorization: admitted.value, cloud, instance };
  const signed = await withRetry(() => signAssertion(order, context, deadline), context, deadline);
  context.ledger.recordOutcome(signed.ledgerId, {
    outcome: "handed_out",
    vaultRequestId: signed.vaultRequestId,
    assertionSha256: createHash("sha256").update(signed.clientAssertion).digest("hex"),
    assertionExpiresAt: signed.expiresAt,
  });
  return ok({
    clientAssertion: signed.clientAssertion,
    expiresInSeconds: signed.expiresAt - Math.floor(context.clock() / 1000),
    authorization: admitted.value,
  });
}
