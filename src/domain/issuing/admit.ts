import { type Ask, type Authorization, authorize, type GrantRefusal } from "../policy/access-policy.ts";
import type { CurrentPolicy } from "../policy/current-policy.ts";
import type { Guid } from "../shared/guid.ts";
import type { Result } from "../shared/result.ts";
import type { CallerVerifier } from "./ports.ts";

import type { CallerRefusal } from "./refusal.ts";

/** A well-formed request that is not authenticated or authorized yet. */
export type CallerRequest = { tenantId: Guid; clientId: Guid; callerToken: string } & Ask;

/** Authenticates and authorizes the caller. Runs before every signature. No I/O to vault, Entra or storage (I2). */
export async function admit(
  request: CallerRequest,
  ports: { callerVerifier: CallerVerifier; currentPolicy: CurrentPolicy; clock: () => number },
): Promise<Result<Authorization, CallerRefusal | GrantRefusal>> {
  const caller = await ports.callerVerifier.verify(request.callerToken, ports.clock());
  if (!caller.ok) return caller;
  const policy = await ports.currentPolicy.at(ports.clock());
  return authorize(policy, caller.value, request);
}
