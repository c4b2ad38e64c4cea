import type { FederatedIdentity } from "../../domain/issuing/ports.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { Fault } from "../../domain/shared/fault.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { within } from "../azure/deadline.ts";
import { errorClass } from "../azure/error.ts";
import type { Identity } from "../azure/identity.ts";

/** Milliseconds for one token. Cached tokens need no request. */
const requestTimeoutMs = 5_000;

/** Tokens of user-assigned managed identities for the exchange; the SDK keeps each until shortly before it expires. */
export function createFederatedIdentity(
  { tokenExchangeAudience }: Cloud,
  identityOf: (clientId: Guid) => Identity,
): FederatedIdentity {
  const identities = new Map<Guid, Identity>();
  return {
    async getAssertion(identityClientId, abortSignal) {
      const credential = identities.get(identityClientId) ?? identityOf(identityClientId);
      identities.set(identityClientId, credential);
      try {
        const ask = (signal: AbortSignal) =>
          credential.getToken(`${tokenExchangeAudience}/.default`, { abortSignal: signal });
        const { token } = await within(requestTimeoutMs, ask, abortSignal);
        return token;
      } catch (error) {
        throw new Fault("identity_unavailable", { because: errorClass(error) });
      }
    },
    async replace(identityClientId, assertion) {
      return (await identities.get(identityClientId)?.replace(assertion)) !== undefined;
    },
  };
}
