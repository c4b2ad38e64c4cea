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
}

/** Source: Entra and Azure documentation on national clouds. An app registration exists in one cloud only. */
export const clouds: Readonly<Record<CloudName, Cloud>> = {
  public: {
    name: "public",
    authorityHost: "login.microsoftonline.com",
    vaultHostSuffix: ".vault.azure.net",
    storageHostSuffix: ".core.windows.net",
  },
  usgovernment: {
    name: "usgovernment",
    authorityHost: "login.microsoftonline.us",
    vaultHostSuffix: ".vault.usgovcloudapi.net",
    storageHostSuffix: ".core.usgovcloudapi.net",
  },
  china: {
    name: "china",
    authorityHost: "login.partner.microsoftonline.cn",
    vaultHostSuffix: ".vault.azure.cn",
    storageHostSuffix: ".core.chinacloudapi.cn",
  },
};

/** Issuer of v2.0 tokens of a tenant (OpenID Connect Discovery §3). */
export function issuerOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/v2.0`;
}

export function tokenEndpointOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/oauth2/v2.0/token`;
}

export function authorizationEndpointOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/oauth2/v2.0/authorize`;
}

export function jwksUriOf(cloud: Cloud, tenantId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/discovery/v2.0/keys`;
}

/** The page where an administrator of the customer tenant consents to our application. */
export function adminConsentUrlOf(cloud: Cloud, tenantId: Guid, clientId: Guid): string {
  return `https://${cloud.authorityHost}/${tenantId}/adminconsent?client_id=${clientId}`;
}
