/**
 * Whether verified federation metadata is that of the tenant that was asked for.
 *
 * Attacker: one who has a genuine document, but of another tenant or cloud, or who can make Entra's signer sign
 * something odd. Not checked: who signed (continuity.ts), and whether certificates have expired. Entra signs with
 * expired ones and relying parties accept them (saml-metadata-iop-2.0 §2.6.1: only the key counts), so a refusal would
 * be an outage; `notAfterMs` allows for warnings.
 */
import type { Cloud } from "../shared/cloud.ts";
import { type Guid, parseGuid } from "../shared/guid.ts";
import type { MultiTenant } from "../shared/metadata-source.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import type { FederationMetadata, MetadataCertificate } from "./federation-metadata.ts";
import type { EndpointKind, MetadataRefusal } from "./refusal.ts";

const minModulusBits = 2048;

export interface ExpectedFederation {
  cloud: Cloud;
  tenant: Guid | MultiTenant;
}

/** `entityID` (saml-metadata-2.0-os §2.3.2); of tenant-independent documents with the literal placeholder. */
export function expectedEntityId({ cloud, tenant }: ExpectedFederation): string {
  return `https://${cloud.federationIssuerHost}/${parseGuid(tenant) ?? "{tenantid}"}/`;
}

/**
 * Accepts metadata whose entityID is the tenant's, with the same signing keys for SAML (saml-metadata-2.0-os §2.4.3)
 * and WS-Federation (WS-Federation 1.2 §3.1.2), and with endpoints nowhere but at Entra's hosts, for this tenant.
 */
export function acceptFederationMetadata(
  metadata: FederationMetadata,
  expected: ExpectedFederation,
): Result<FederationMetadata, MetadataRefusal> {
  const refusal = refusalOfEntityId(metadata, expected) ?? refusalOfKeys(metadata) ?? refusalOfUrls(metadata, expected);
  return refusal ? refuse(refusal) : ok(metadata);
}

function refusalOfEntityId(metadata: FederationMetadata, expected: ExpectedFederation): MetadataRefusal | undefined {
  const entityId = expectedEntityId(expected);
  return metadata.entityId === entityId ? undefined : { reason: "entity_id_not_expected", expected: entityId };
}

function refusalOfKeys({
  idpCertificates,
  stsCertificates,
  signedBy,
}: FederationMetadata): MetadataRefusal | undefined {
  if (idpCertificates.length === 0) return { reason: "signing_certificate_missing", descriptor: "IDPSSODescriptor" };
  if (stsCertificates.length === 0) {
    return { reason: "signing_certificate_missing", descriptor: "SecurityTokenService RoleDescriptor" };
  }
  const short = [...idpCertificates, ...stsCertificates].find(({ modulusBits }) => modulusBits < minModulusBits);
  if (short) return { reason: "certificate_key_too_short", modulusBits: short.modulusBits };
  const idp = thumbprints(idpCertificates);
  const sts = thumbprints(stsCertificates);
  const isEqual = idp.size === sts.size && [...idp].every((thumbprint) => sts.has(thumbprint));
  if (!isEqual) return { reason: "signing_certificates_differ" };
  return idp.has(signedBy) ? undefined : { reason: "signer_not_listed", thumbprint: signedBy };
}

function thumbprints(certificates: readonly MetadataCertificate[]): Set<string> {
  return new Set(certificates.map(({ thumbprint }) => thumbprint));
}

/** Whole URLs are compared, not parsed: no other spelling of a host, port or path is one that Entra writes. */
function refusalOfUrls(
  metadata: FederationMetadata,
  { cloud, tenant }: ExpectedFederation,
): MetadataRefusal | undefined {
  const bases = [cloud.authorityHost, ...cloud.olderAuthorityHosts].map((host) => `https://${host}/${tenant}`);
  const saml = bases.map((base) => `${base}/saml2`);
  const any = [...saml, ...bases.map((base) => `${base}/wsfed`)];
  if (metadata.singleSignOnServices.length === 0)
    return { reason: "endpoint_missing", endpoint: "SingleSignOnService" };
  const locations = (services: FederationMetadata["singleSignOnServices"]) => services.map(({ location }) => location);
  const kinds: [endpoint: EndpointKind, urls: readonly string[], allowed: readonly string[]][] = [
    ["SingleSignOnService", locations(metadata.singleSignOnServices), saml],
    ["SingleLogoutService", locations(metadata.singleLogoutServices), saml],
    ["other", metadata.otherEndpoints, any],
  ];
  for (const [endpoint, urls, allowed] of kinds) {
    const index = urls.findIndex((url) => !allowed.includes(url));
    if (index !== -1) return { reason: "endpoint_not_expected", endpoint, index };
  }
  return undefined;
}
