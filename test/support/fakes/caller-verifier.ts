import type { CallerVerifier } from "../../../src/domain/issuing/ports.ts";
import type { Caller } from "../../../src/domain/policy/access-policy.ts";
import { refuse } from "../../../src/domain/shared/result.ts";
import * as ids from "../fixtures/ids.ts";

/** Callers by token. A caller without one of these tokens is refused. */
export interface FakeCallerVerifier extends CallerVerifier {
  readonly calls: string[];
  readonly callers: Map<string, Caller>;
  failure: Error | undefined;
}

/** Tokens that look real, so that a search for `eyJ` finds them if they leak. */
export const callerTokens = {
  billing: "eyJhbGciOiJSUzI1NiJ9.billing-caller-token.secret",
  billingElsewhere: "eyJhbGciOiJSUzI1NiJ9.billing-other-azp-token.secret",
  exporter: "eyJhbGciOiJSUzI1NiJ9.exporter-caller-token.secret",
  leaver: "eyJhbGciOiJSUzI1NiJ9.leaver-caller-token.secret",
  stranger: "eyJhbGciOiJSUzI1NiJ9.stranger-caller-token.secret",
  forged: "eyJhbGciOiJub25lIn0.forged-caller-token.",
} as const;

export function createFakeCallerVerifier(): FakeCallerVerifier {
  const calls: string[] = [];
  const caller = (objectId: Caller["objectId"], azp?: Caller["azp"]): Caller => {
    return { tenantId: ids.homeTenantId, objectId, azp };
  };
  const callers = new Map([
    [callerTokens.billing as string, caller(ids.billingObjectId, ids.billingAzp)],
    [callerTokens.billingElsewhere, caller(ids.billingObjectId, ids.audience)],
    [callerTokens.exporter, caller(ids.exporterObjectId)],
    [callerTokens.leaver, caller(ids.leaverObjectId)],
    [callerTokens.stranger, caller(ids.strangerObjectId)],
  ]);
  return {
    calls,
    callers,
    failure: undefined,
    async verify(callerToken) {
      calls.push(callerToken);
      if (this.failure) throw this.failure;
      const known = callers.get(callerToken);
      return known
        ? { ok: true, value: known }
        : refuse({ reason: "caller_token_rejected", because: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
    },
  } satisfies FakeCallerVerifier;
}
