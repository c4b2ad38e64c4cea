/**
 * The federation metadata document in the shape in which Entra publishes it: WS-Federation roles and the SAML identity
 * provider, with the same signing certificates in each. The elements and their order are those of the real document;
 * only a few of the claims are listed. Sources: SAML V2.0 Metadata, WS-Federation 1.2 §3.1.
 */
import { signMetadata } from "./metadata-signature.ts";

export interface MetadataContent {
  /** A tenant's GUID, or the name of a tenant-independent endpoint. */
  tenant: string;
  authorityHost: string;
  /** The issuer; its tenant may be the literal `{tenantid}`. */
  entityId: string;
  /** Certificates of the published keys, base64 of their DER. */
  certificates: readonly string[];
}

const federation = "http://docs.oasis-open.org/wsfed/federation/200706";
const authorization = "http://docs.oasis-open.org/wsfed/authorization/200706";
const addressing = "http://www.w3.org/2005/08/addressing";
const instance = "http://www.w3.org/2001/XMLSchema-instance";
const signature = "http://www.w3.org/2000/09/xmldsig#";
const saml = "urn:oasis:names:tc:SAML:2.0";

const claims = [
  [
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    "Name",
    "The name of the user as shown to others. It can change.",
  ],
  [
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
    "Subject",
    "Names the user to this application for ever.",
  ],
  ["http://schemas.microsoft.com/identity/claims/tenantid", "TenantId", "Names the tenant that the user belongs to."],
  [
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "ObjectIdentifier",
    "Names the user in the directory for ever.",
  ],
] as const;

/** Returns the document signed by `signer`, whose certificate is in the signature's KeyInfo. `id` is a GUID. */
export function signedMetadataDocument(
  content: MetadataContent,
  id: string,
  signer: Parameters<typeof signMetadata>[1],
): string {
  return signMetadata(unsignedMetadataDocument(content, id), signer);
}

function unsignedMetadataDocument(content: MetadataContent, id: string): string {
  const { entityId } = content;
  const authority = `https://${content.authorityHost}/${content.tenant}`;
  const keys = content.certificates.map(keyDescriptor).join("");
  const wsFederation = (element: string) => endpoint(element, `${authority}/wsfed`);
  const samlEndpoint = (element: string, binding: string) =>
    `<${element} Binding="${saml}:bindings:${binding}" Location="${authority}/saml2"/>`;
  return [
    `<?xml version="1.0" encoding="utf-8"?>`,
    `<EntityDescriptor xmlns="${saml}:metadata" ID="_${id}" entityID="${entityId}">`,
    role("SecurityTokenServiceType", [
      keys,
      `<fed:ClaimTypesOffered>${claims.map(claimType).join("")}</fed:ClaimTypesOffered>`,
      wsFederation("SecurityTokenServiceEndpoint"),
      wsFederation("PassiveRequestorEndpoint"),
    ]),
    role("ApplicationServiceType", [
      keys,
      endpoint("TargetScopes", entityId),
      wsFederation("ApplicationServiceEndpoint"),
      wsFederation("PassiveRequestorEndpoint"),
    ]),
    `<IDPSSODescriptor protocolSupportEnumeration="${saml}:protocol">`,
    keys,
    samlEndpoint("SingleLogoutService", "HTTP-Redirect"),
    samlEndpoint("SingleSignOnService", "HTTP-Redirect"),
    samlEndpoint("SingleSignOnService", "HTTP-POST"),
    "</IDPSSODescriptor></EntityDescriptor>",
  ].join("");
}

function role(type: string, content: string[]): string {
  return (
    `<RoleDescriptor xsi:type="fed:${type}" protocolSupportEnumeration="${federation}" ` +
    `xmlns:xsi="${instance}" xmlns:fed="${federation}">${content.join("")}</RoleDescriptor>`
  );
}

function keyDescriptor(certificate: string): string {
  const data = `<X509Data><X509Certificate>${certificate}</X509Certificate></X509Data>`;
  return `<KeyDescriptor use="signing"><KeyInfo xmlns="${signature}">${data}</KeyInfo></KeyDescriptor>`;
}

function claimType([uri, name, description]: (typeof claims)[number]): string {
  const texts = `<auth:DisplayName>${name}</auth:DisplayName><auth:Description>${description}</auth:Description>`;
  return `<auth:ClaimType Uri="${uri}" xmlns:auth="${authorization}">${texts}</auth:ClaimType>`;
}

function endpoint(element: string, address: string): string {
  const reference = `<wsa:Address>${address}</wsa:Address>`;
  return `<fed:${element}><wsa:EndpointReference xmlns:wsa="${addressing}">${reference}</wsa:EndpointReference></fed:${element}>`;
}
