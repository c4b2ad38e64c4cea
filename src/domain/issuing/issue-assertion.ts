import { createHash } from "node:crypto";
import type { Authorization } from "../policy/access-policy.ts";
import { Fault } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import { ok, type Result } from "../shared/result.ts";
import type { SignedAssertion } from "../signing/sign-assertion.ts";
import { admit } from "./admit.ts";
import type { IssuingContext } from "./context.ts";
import { mintDeadlineMs, signWith } from "./mint.ts";
import type { Refusal } from "./refusal.ts";

export interface AssertionRequest {
  tenantId: Guid;
  clientId: Guid;
  callerToken: string;
}

export interface IssuedAssertion {
  clientAssertion: string;
  expiresInSeconds: number;
}

/**
 * Issues an assertion: verify caller -> authorize -> sign -> answer. For the few callers that must call Entra
 * themselves and have a grant for it. Until it expires, its holder can ask for any scope that the tenant consented to.
 * So it is never cached, and each one has its own signature in the ledger.
 */
export async function issueAssertion(
  request: AssertionRequest,
  context: IssuingContext,
  /** Called with the caller as soon as it is verified, for any result of the request. */
  onAdmitted: (authorization: Authorization) => void = () => {},
): Promise<Result<IssuedAssertion, Refusal>> {
  const admitted = await admit({ ...request, issues: "assertion" }, context);
  if (!admitted.ok) return admitted;
  onAdmitted(admitted.value);
  const { caller, client, tenant } = admitted.value;
  // A client without a key never has such a grant: the policy rejects it.
  const certificate = context.credentials.certificateOf(client, context.clock());
  if (!certificate) throw new Fault("certificate_not_valid");
  const visit = context.parts.enter({ keyId: certificate.keyId }, context.clock());
  const budget = context.budget.take(caller.objectId, context.clock());
  if (!budget.ok) {
    visit.abandoned();
    return budget;
  }
  const deadline = context.startDeadline(mintDeadlineMs);
  const order = {
    purpose: "assertion" as const,
    caller,
    client,
    clientId: client.clientId,
    tenantId: tenant.tenantId,
    cloud: context.cloud,
    instance: context.instance,
  };
  let signed: SignedAssertion;
  try {
    signed = await signWith(certificate, order, context, deadline);
    visit.succeeded();
  } catch (error) {
    visit.failed(error, context.clock());
    throw error;
  }
  context.ledger.recordOutcome(signed.ledgerId, {
    outcome: "handed_out",
    vaultRequestId: signed.vaultRequestId,
    assertionSha256: createHash("sha256").update(signed.clientAssertion).digest("hex"),
    assertionExpiresAt: signed.expiresAt,
  });
  return ok({
    clientAssertion: signed.clientAssertion,
    expiresInSeconds: signed.expiresAt - Math.floor(context.clock() / 1000),
  });
}
