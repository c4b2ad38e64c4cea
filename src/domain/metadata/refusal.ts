import type { TransportRefusal } from "./transport-refusal.ts";

/**
 * Why a document of the identity provider is rejected. Values, as everywhere (issuing/refusal.ts). They carry our own
 * words, numbers and thumbprints only: the text of a rejected document is never copied to logs or operators.
 */

/** The bytes are not the small part of XML that we read (adapters/xml/document.ts). */
export type XmlRefusal =
  | { reason: "document_too_large"; maxBytes: number }
  | { reason: "document_not_utf8" }
  | { reason: "xml_declaration_not_allowed" }
  | { reason: "xml_markup_not_allowed"; markup: "comment" | "CDATA section" | "DTD" | "processing instruction" }
  | { reason: "xml_entity_not_allowed" }
  | { reason: "xml_character_not_allowed" }
  | { reason: "xml_namespace_not_allowed" }
  | { reason: "xml_too_complex"; limit: "depth" | "elements" | "attributes of an element" }
  /** `offset`: in UTF-16 code units, where known. */
  | { reason: "xml_not_well_formed"; offset?: number }
  /** A library threw an unexpected error. */
  | { reason: "xml_not_processable" }
  /** The code that reads XML could not be loaded: the deployment is broken, not the document. */
  | { reason: "verifier_not_loaded" };

/** The signature is not the one enveloped signature over the root by a listed key (adapters/xml/signature.ts). */
export type SignatureRefusal =
  | { reason: "root_not_entity_descriptor" }
  | { reason: "root_id_not_valid" }
  | { reason: "id_repeated" }
  | { reason: "signature_missing" }
  | { reason: "signature_repeated"; found: number }
  | { reason: "signature_not_child_of_root" }
  | { reason: "signature_shape_not_allowed"; element: string }
  | { reason: "reference_not_single"; found: number }
  | { reason: "reference_not_to_root" }
  | { reason: "transforms_not_allowed" }
  | { reason: "algorithm_not_allowed"; use: "canonicalization" | "digest" | "signature" }
  | { reason: "digest_mismatch" }
  | { reason: "key_info_not_listed" }
  | { reason: "signed_by_no_listed_key"; tried: number }
  | { reason: "signed_content_differs" };

export type DescriptorName = "IDPSSODescriptor" | "SecurityTokenService RoleDescriptor";

/** The metadata lacks something required, or two readers could understand it differently. */
export type DescriptorRefusal =
  | { reason: "entity_id_missing" }
  | { reason: "descriptor_not_single"; descriptor: DescriptorName; found: number }
  | { reason: "key_descriptors_too_many"; maxKeyDescriptors: number }
  | { reason: "key_descriptor_not_readable"; rule: string }
  | { reason: "certificate_not_readable"; rule: string }
  | { reason: "certificate_not_rsa" }
  | { reason: "certificate_exponent_not_allowed" }
  | { reason: "certificate_key_too_short"; modulusBits: number };

/** The signed metadata is not that of the expected tenant (accept-federation-metadata.ts). */
export type FederationRefusal =
  | { reason: "entity_id_not_expected"; expected: string }
  | { reason: "signing_certificate_missing"; descriptor: DescriptorName }
  | { reason: "signing_certificates_differ" }
  | { reason: "signer_not_listed"; thumbprint: string }
  | { reason: "endpoint_missing"; endpoint: "SingleSignOnService" }
  /** `index`: among the endpoints of this kind, from 0. */
  | { reason: "endpoint_not_expected"; endpoint: EndpointKind; index: number };

export type EndpointKind = "SingleSignOnService" | "SingleLogoutService" | "other";

export type DiscoveryRefusal =
  | { reason: "discovery_not_readable" }
  | { reason: "discovery_issuer_mismatch" }
  | { reason: "discovery_endpoint_elsewhere"; member: string };

export type JwksRefusal =
  | { reason: "jwks_not_readable" }
  | { reason: "jwks_too_many_keys"; maxKeys: number }
  | { reason: "jwks_key_contradictory"; rule: string }
  /** `kid`: of a key that we know; the set has another key under this name. */
  | { reason: "jwks_known_key_changed"; kid: string }
  | { reason: "jwks_without_usable_key" };

export type MetadataRefusal =
  | TransportRefusal
  | XmlRefusal
  | SignatureRefusal
  | DescriptorRefusal
  | FederationRefusal
  | DiscoveryRefusal
  | JwksRefusal;
