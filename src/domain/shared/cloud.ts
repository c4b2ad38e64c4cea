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
  /** Azure Resource Manager. */
  readonly managementHost: string;
  /** Query API of Log Analytics, and audience of its tokens (as @azure/monitor-query-logs has them). */
  readonly logsHost: string;
  /** Of the `entityID` of federation metadata, which is also the issuer of v1.0 tokens. */
  readonly federationIssuerHost: string;
  /** Other hosts that endpoints in federation metadata may have, besides the authority host. */
  readonly olderAuthorityHosts: readonly string[];
  /** Audience of a managed identity's token that is exchanged for an application's (workload identity federation). */
  readonly tokenExchangeAudience: string;
}

/**
 * Sources: Entra and Azure documentation on national clouds; for federation metadata that of Entra, and that of 21Vianet
 * (docs.azure.cn), whose older documents name login.chinacloudapi.cn. The cloud for the US Government has the
 * federation issuer of the global one. An app registration exists in one cloud only.
 */
export const clouds: Readonly<Record<CloudName, Cloud>> = {
  public: {
    name: "public",
    authorityHost: "login.microsoftonline.com",
    vaultHostSuffix: ".vault.azure.net",
    storageHostSuffix: ".core.windows.net",
    graphHost: "graph.microsoft.com",
    managementHost: "management.azure.com",
    logsHost: "api.loganalytics.io",
    federationIssuerHost: "sts.windows.net",
    olderAuthorityHosts: [],
    tokenExchangeAudience: "api://AzureADTokenExchange",
  },
  usgovernment: {
    name: "usgovernment",
    authorityHost: "login.microsoftonline.us",
    vaultHostSuffix: ".vault.usgovcloudapi.net",
    storageHostSuffix: ".core.usgovcloudapi.net",
    graphHost: "graph.microsoft.us",
    managementHost: "management.usgovcloudapi.net",
    logsHost: "api.loganalytics.us",
    federationIssuerHost: "sts.windows.net",
    olderAuthorityHosts: [],
    tokenExchangeAudience: "api://AzureADTokenExchangeUSGov",
  },
  china: {
    name: "china",
    authorityHost: "login.partner.microsoftonline.cn",
    vaultHostSuffix: ".vault.azure.cn",
    storageHostSuffix: ".core.chinacloudapi.cn",
    graphHost: "microsoftgraph.chinacloudapi.cn",
    managementHost: "management.chinacloudapi.cn",
    logsHost: "api.loganalytics.azure.cn",
    federationIssuerHost: "sts.chinacloudapi.cn",
    olderAuthorityHosts: ["login.chinacloudapi.cn"],
    tokenExchangeAudience: "api://AzureADTokenExchangeChina",
  },
};

/** Audience of tokens for Azure Storage, in every cloud. */
export const storageAudience = "https://storage.azure.com";

/** Microsoft Graph and its predecessors in all clouds, as they stand among the names of their service principals. */
export const directoryGraphHosts: readonly string[] = [
  "graph.microsoft.com",
  "graph.microsoft.us",
  "dod-graph.microsoft.us",
  "microsoftgraph.chinacloudapi.cn",
  "graph.windows.net",
  "graph.microsoftazure.us",
  "graph.chinacloudapi.cn",
  "directory.windows.net",
  "ags.windows.net",
];

/** The scope of tokens for all vaults, as their challenge names it. */
export function vaultScopeOf({ vaultHostSuffix }: Cloud): string {
  return `https://${vaultHostSuffix.slice(1)}/.default`;
}

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
