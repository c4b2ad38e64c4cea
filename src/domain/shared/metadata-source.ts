import type { Cloud } from "./cloud.ts";
import { type Guid, parseGuid } from "./guid.ts";

/** Endpoints that speak for every tenant: their documents hold the literal `{tenantid}`. */
export const multiTenants = ["common", "organizations", "consumers"] as const;
export type MultiTenant = (typeof multiTenants)[number];

/** Whether a source is one of the endpoints for every tenant. */
export function isMultiTenant(tenant: Guid | MultiTenant): tenant is MultiTenant {
  return multiTenants.some((name) => name === tenant);
}

/** What to do with a document that no known key vouches for (an emergency rollover, or an attack). */
export type OnDiscontinuity = "accept-and-alarm" | "hold";

/** One identity provider whose metadata is kept fresh. */
export interface MetadataSource {
  tenant: Guid | MultiTenant;
  /** Enterprise applications sign with certificates of their own, listed only in their own documents. */
  appId?: Guid | undefined;
}

/** Names a source in events and in storage: letters, digits, hyphens and one dot. */
export function sourceName({ tenant, appId }: MetadataSource): string {
  return appId === undefined ? tenant : `${tenant}.${appId}`;
}

/** A tenant id in canonical form, or one of the names that stand for several tenants; undefined for anything else. */
export function parseMetadataTenant(text: string | undefined): Guid | MultiTenant | undefined {
  return multiTenants.find((name) => name === text) ?? parseGuid(text);
}

/** The three documents of a source. Constants and validated GUIDs only (T4). */
export function metadataUrls(cloud: Cloud, { tenant, appId }: MetadataSource) {
  const base = `https://${cloud.authorityHost}/${tenant}`;
  const query = appId === undefined ? "" : `?appid=${appId}`;
  return {
    federation: `${base}/federationmetadata/2007-06/federationmetadata.xml${query}`,
    discovery: `${base}/v2.0/.well-known/openid-configuration${query}`,
    jwks: `${base}/discovery/v2.0/keys${query}`,
  };
}

/** `issuer` of v2.0 tokens and discovery; of multi-tenant documents with the literal placeholder. */
export function expectedIssuer(cloud: Cloud, { tenant }: MetadataSource): string {
  return `https://${cloud.authorityHost}/${parseGuid(tenant) ?? "{tenantid}"}/v2.0`;
}
