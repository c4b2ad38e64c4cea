import { ConfidentialClientApplication, ManagedIdentityApplication } from "@azure/msal-node";

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

/** MSAL Node: for `acquireTokenByClientCredential`. Keep one per tenant, it caches the tokens. */
export function customerApplication(tenantId: string, keyhold: KeyholdOptions): ConfidentialClientApplication {
  const identity = new ManagedIdentityApplication({
    managedIdentityIdParams: { userAssignedClientId: keyhold.identityClientId },
  });
  const ownToken = async () => (await identity.acquireToken({ resource: keyhold.audience })).accessToken;
  return new ConfidentialClientApplication({
    auth: {
      clientId: keyhold.clientId,
      authority: `${keyhold.url}/${tenantId}`,
      knownAuthorities: [new URL(keyhold.url).host],
      clientAssertion: ownToken,
    },
  });
}
