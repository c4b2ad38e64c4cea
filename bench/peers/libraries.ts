/**
 * The libraries that services use without Keyhold, used as their documentation describes: one client for each tenant,
 * kept for the lifetime of the process, with a callback that creates the client assertion.
 */
import { ClientAssertionCredential, type ClientAssertionCredentialOptions } from "@azure/identity";
import { ConfidentialClientApplication, type Configuration } from "@azure/msal-node";
import * as world from "../../local/stack/world.ts";

export type GetToken = (tenantId: string) => Promise<string>;
export type MakeAssertion = (tenantId: string) => Promise<string>;

/** `network` replaces the library's own network client when nothing may be sent. */
export interface PeerOptions {
  msal?: Pick<Configuration, "system">;
  identity?: ClientAssertionCredentialOptions;
}

export const libraries = {
  "@azure/msal-node"(makeAssertion: MakeAssertion, { msal }: PeerOptions = {}): GetToken {
    const clientOf = perTenant(
      (tenantId) =>
        new ConfidentialClientApplication({
          auth: {
            clientId: world.client.clientId,
            authority: `https://login.microsoftonline.com/${tenantId}`,
            clientAssertion: () => makeAssertion(tenantId),
          },
          ...msal,
        }),
    );
    return async (tenantId) => {
      const result = await clientOf(tenantId).acquireTokenByClientCredential({ scopes: [world.scopes.graph] });
      if (!result?.accessToken) throw new Error("msal-node gave no token");
      return result.accessToken;
    };
  },

  "@azure/identity"(makeAssertion: MakeAssertion, { identity }: PeerOptions = {}): GetToken {
    const credentialOf = perTenant(
      (tenantId) =>
        new ClientAssertionCredential(tenantId, world.client.clientId, () => makeAssertion(tenantId), {
          // Discovery asks a host that is not part of the comparison, once for each tenant.
          disableInstanceDiscovery: true,
          ...identity,
        }),
    );
    return async (tenantId) => (await credentialOf(tenantId).getToken(world.scopes.graph)).token;
  },

  /** No library: one signature and one exchange for each token, the minimum without a cache. */
  direct(makeAssertion: MakeAssertion): GetToken {
    return async (tenantId) => {
      const response = await fetch(`https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`, {
        method: "POST",
        body: new URLSearchParams({
          grant_type: "client_credentials",
          client_id: world.client.clientId,
          scope: world.scopes.graph,
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: await makeAssertion(tenantId),
        }),
      });
      const { access_token: token } = (await response.json()) as { access_token?: string };
      if (!token) throw new Error(`Entra answered ${response.status}`);
      return token;
    };
  },
} satisfies Record<string, (makeAssertion: MakeAssertion, options?: PeerOptions) => GetToken>;

export type Library = keyof typeof libraries;

function perTenant<T>(create: (tenantId: string) => T): (tenantId: string) => T {
  const clients = new Map<string, T>();
  return (tenantId) => {
    const client = clients.get(tenantId) ?? create(tenantId);
    clients.set(tenantId, client);
    return client;
  };
}
