import { ClientAssertionCredential, ManagedIdentityCredential, type TokenCredential } from "@azure/identity";

export interface KeyholdOptions {
  /** Keyhold's origin, `https://keyhold.example`. Who answers there gets this service's token: check it twice. */
  url: string;
  /** Client id of Keyhold's own app registration. */
  audience: string;
  /** The application to act as in customer tenants. */
  clientId: string;
  /** Client id of this service's managed identity. */
  identityClientId: string;
}

/** Azure SDK for JavaScript: a credential for any of its clients. Keep one per tenant, it caches the tokens. */
export function customerCredential(tenantId: string, keyhold: KeyholdOptions): TokenCredential {
  const identity = new ManagedIdentityCredential({ clientId: keyhold.identityClientId });
  const ownToken = async () => (await identity.getToken(`${keyhold.audience}/.default`)).token;
  return new ClientAssertionCredential(tenantId, keyhold.clientId, ownToken, {
    authorityHost: keyhold.url,
    disableInstanceDiscovery: true,
  });
}
