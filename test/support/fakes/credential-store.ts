import type { CredentialState } from "../../../src/domain/credentials/credential-state.ts";
import type { CredentialStore } from "../../../src/domain/credentials/ports.ts";
import type { Guid } from "../../../src/domain/shared/guid.ts";

/** Storage for the states of certificates: in memory, and down while `failure` is set. */
export interface FakeCredentialStore extends CredentialStore {
  readonly states: Map<Guid, CredentialState>;
  failure: unknown;
}

export function createFakeCredentialStore(): FakeCredentialStore {
  const states = new Map<Guid, CredentialState>();
  return {
    states,
    failure: undefined,
    async load() {
      if (this.failure !== undefined) throw this.failure;
      return new Map(states);
    },
    async update(clientId, change) {
      if (this.failure !== undefined) throw this.failure;
      const next = change(states.get(clientId) ?? []);
      states.set(clientId, next);
      return next;
    },
  };
}
