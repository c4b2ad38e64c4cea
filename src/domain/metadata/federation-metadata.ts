/**
 * What Keyhold knows of a federation metadata document whose signature is verified: read from the signed bytes only.
 * Source: SAML V2.0 Metadata (saml-metadata-2.0-os), WS-Federation 1.2 §3.1, Entra's "Federation metadata".
 */
export interface FederationMetadata {
  /** `entityID` of the root: the issuer, `https://sts.windows.net/<tenant>/`. */
  entityId: string;
  /** The listed certificate that the document is signed with, base64url(SHA-1(DER)) as Entra's `kid` is. */
  signedBy: string;
  /** Signing certificates of the IDPSSODescriptor (SAML). */
  idpCertificates: readonly MetadataCertificate[];
  /** Signing certificates of the SecurityTokenService RoleDescriptor (WS-Federation). */
  stsCertificates: readonly MetadataCertificate[];
  /** Endpoints of the IDPSSODescriptor, in document order. */
  singleSignOnServices: readonly MetadataEndpoint[];
  singleLogoutServices: readonly MetadataEndpoint[];
  /** All other absolute URLs of endpoints (WS-Federation passive requestor, token services). */
  otherEndpoints: readonly string[];
}

export interface MetadataCertificate {
  /** base64url(SHA-1(DER)): Entra's `kid` and `x5t` of the same key. A name only; no check relies on SHA-1. */
  thumbprint: string;
  /** base64 of the DER, without white space. */
  der: string;
  modulusBits: number;
  /** Milliseconds since 1970. */
  notAfterMs: number;
}

export interface MetadataEndpoint {
  binding: string;
  location: string;
}
