import type { Guid } from "../shared/guid.ts";
import type { Deadline } from "../shared/retry.ts";
import { reasonOf, type SignOrder } from "../signing/sign-assertion.ts";
import type { IssuingPorts } from "./ports.ts";

/**
 * Gets an assertion without a key and without a vault: intent -> the managed identity's own token (RFC 7523 §3; Entra,
 * workload identity federation). The ledger records who asked, as for a signature. There is no second log to compare it
 * with: code running in the app can get such a token without leaving a trace here (T7).
 */
export async function presentIdentity(
  order: SignOrder,
  identityClientId: Guid,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<{ ledgerId: Guid; clientAssertion: string }> {
  const timeMs = ports.clock();
  const ledgerId = ports.newLedgerId(timeMs);
  await ports.ledger.recordIntent({ ...reasonOf(order), id: ledgerId, timeMs, identityClientId });
  try {
    return { ledgerId, clientAssertion: await ports.federatedIdentity.getAssertion(identityClientId, deadline.signal) };
  } catch (error) {
    ports.ledger.recordOutcome(ledgerId, { outcome: "not_signed", fault: "identity_unavailable" });
    throw error;
  }
}
