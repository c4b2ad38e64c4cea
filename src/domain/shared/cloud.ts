import type { Guid } from "./guid.ts";

/**
 * The clouds and everything that is derived from them. A host or a path of a request to Entra comes from here and
 * from a validated GUID only: nothing that a caller sends becomes a host (T4, invariant I8).
 */
export type CloudName = "public" | "usgovernment" | "china";

export interface Cloud {
  readonly name: CloudName;
  readonly authorityHost: string;
  readonly vaultHostSuffix: string;
  readonly storageHostSuffix: string;
  /** Microsoft Graph. */
  readonly graphHost: string;
  /** Audience of a managed identity's token that is exchanged for an application's (workload identity federation). */
  readonly tokenExchangeAudience: string;
}

/** Source: Entra and Azure documentation on national clouds. An app registration exists in one cloud only. */
export const clouds: Readonly<Record<CloudName, Cloud>> = {
  public: {
    name: "public",
    authorityHost: "login.microsoftonline.com",
    vaultHostSuffix: ".vault.azure.net",
    storageHostSuffix: ".core.windows.net",
    graphHost: "graph.microsoft.com",
    tokenExchangeAudience: "api://AzureADTokenExchange",
  },
  usgovernment: {
    name: "usgovernment",
    authorityHost: "login.microsoftonline.us",
    vaultHostSuffix: ".vault.usgovcloudapi.net",
    storageHostSuffix: ".core.usgovcloudapi.net",
    graphHost: "graph.microsoft.us",
    tokenExchangeAudience: "api://AzureADTokenExchangeUSGov",
  },
  china: {
    name: "china",
    authorityHost: "login.partner.microsoftonline.cn",
    vaultHostSuffix: ".vault.azure.cn",
    storageHostSuffix: ".core.chinacloudapi.cn",
    graphHost: "microsoftgraph.chinacloudapi.cn",
    tokenExchangeAudience: "api://AzureADTokenExchangeChina",
  },
};

/** Issuer of v2.0 tokens of a tenant (OpenID Connect Discovery §3). */
export function issuerOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/v2.0`;
}

/** The v2.0 token endpoint of a tenant (RFC 6749 §3.2). */
export function tokenEndpointOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/oauth2/v2.0/token`;
}

/** The v2.0 authorization endpoint of a tenant (RFC 6749 §3.1). */
export function authorizationEndpointOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/oauth2/v2.0/authorize`;
}

/** The v2.0 `jwks_uri` of a tenant (OpenID Connect Discovery 1.0 §3). */
export function jwksUriOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/discovery/v2.0/keys`;
}

/** The page where an administrator of the customer tenant consents to our application. */
export function adminConsentUrlOf(cloud: Cloud, tenantId: Guid, clientId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/adminconsent?client_id=${clientId}`;
}
