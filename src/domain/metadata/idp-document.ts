import type { FederationMetadata } from "./federation-metadata.ts";

/**
 * The document for SAML relying parties with simple parsers: one IDPSSODescriptor, each key once, and a `validUntil`.
 * Derived from verified metadata only. Unsigned; signing comes after. saml-metadata-2.0-os §2.3.2 (EntityDescriptor,
 * validUntil, cacheDuration), §2.4.3 (IDPSSODescriptor).
 */
export function buildIdpDocument(
  metadata: Pick<FederationMetadata, "entityId" | "idpCertificates" | "singleSignOnServices" | "singleLogoutServices">,
  { id, validUntilMs }: { id: string; validUntilMs: number },
): string {
  const certificates = [...new Set(metadata.idpCertificates.map(({ der }) => der))];
  const keys = certificates.map(
    (der) =>
      `<KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${escapeXml(der)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>`,
  );
  const endpoints = (name: string, list: FederationMetadata["singleSignOnServices"]) =>
    list.map(({ binding, location }) => `<${name} Binding="${escapeXml(binding)}" Location="${escapeXml(location)}"/>`);
  return [
    `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`,
    ` ID="${escapeXml(id)}" entityID="${escapeXml(metadata.entityId)}"`,
    ` validUntil="${new Date(validUntilMs).toISOString()}" cacheDuration="${cacheDuration}">`,
    `<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">`,
    ...keys,
    ...endpoints("SingleLogoutService", metadata.singleLogoutServices),
    ...endpoints("SingleSignOnService", metadata.singleSignOnServices),
    "</IDPSSODescriptor></EntityDescriptor>",
  ].join("");
}

/** How often a relying party should look again. */
const cacheDuration = "PT1H";

/** XML 1.0 §2.4. The values come from verified metadata; they are escaped all the same. */
function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
