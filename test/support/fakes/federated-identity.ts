import type { FederatedIdentity } from "../../../src/domain/issuing/ports.ts";
import type { Guid } from "../../../src/domain/shared/guid.ts";

/** The identity endpoint: returns a token for every identity, and is down while `failure` is set. */
export interface FakeFederatedIdentity extends FederatedIdentity {
  readonly calls: Guid[];
  /** The tokens for which a replacement was requested. */
  readonly replaced: string[];
  failure: unknown;
  /** Whether it can replace a refused token with another one. */
  hasAnother: boolean;
}

export function createFakeFederatedIdentity(journal: string[] = []): FakeFederatedIdentity {
  const calls: Guid[] = [];
  const replaced: string[] = [];
  return {
    calls,
    replaced,
    failure: undefined,
    hasAnother: true,
    async replace(_identityClientId, assertion) {
      replaced.push(assertion);
      return this.hasAnother;
    },
    async getAssertion(identityClientId) {
      calls.push(identityClientId);
      journal.push("identity");
      if (this.failure !== undefined) throw this.failure;
      return `eyJ0eXAiOiJKV1QifQ.identity-${calls.length}.secret`;
    },
  };
}
