import type { FederatedIdentity } from "../../../src/domain/issuing/ports.ts";
import type { Guid } from "../../../src/domain/shared/guid.ts";

/** The identity endpoint: gives a token to every identity, and is down while `failure` is set. */
export interface FakeFederatedIdentity extends FederatedIdentity {
  readonly calls: Guid[];
  failure: unknown;
}

export function createFakeFederatedIdentity(journal: string[] = []): FakeFederatedIdentity {
  const calls: Guid[] = [];
  return {
    calls,
    failure: undefined,
    async getAssertion(identityClientId) {
      calls.push(identityClientId);
      journal.push("identity");
      if (this.failure !== undefined) throw this.failure;
      return `eyJ0eXAiOiJKV1QifQ.identity-${calls.length}.secret`;
    },
  };
}
