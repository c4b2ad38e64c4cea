import type { Result } from "../shared/result.ts";
import type { FederationMetadata } from "./federation-metadata.ts";
import type { LastKnownGood, StoredRecord } from "./last-known-good.ts";
import type { MetadataRefusal } from "./refusal.ts";

/** Fetches a document over TLS with a closed set of roots. */
export interface MetadataTransport {
  get(url: string, etag?: string): Promise<Result<FetchedDocument, MetadataRefusal>>;
}

export type FetchedDocument = { chain: readonly TlsCertificate[] } & (
  | { status: 200; body: Uint8Array; etag?: string }
  | { status: 304 }
);

export interface TlsCertificate {
  subject: string;
  fingerprint256: string;
}

/** Verifies the signature of federation metadata and reads it, from the signed bytes only. Never rejects. */
export type VerifyFederationMetadata = (body: Uint8Array) => Promise<Result<FederationMetadata, MetadataRefusal>>;

/**
 * Verifies the signature of an `idp.xml` by one of the publisher's certificates (base64 of the DER), and reads it from the
 * signed bytes only. Never rejects.
 */
export type VerifyIdpDocument = (
  body: Uint8Array,
  publisherDers: readonly string[],
) => Promise<Result<VerifiedIdp, MetadataRefusal>>;

export interface VerifiedIdp {
  entityId: string;
  /** Milliseconds since 1970; NaN where it has no readable time. */
  validUntilMs: number;
  /** The identity provider's, base64 of the DER without white space. */
  certificates: readonly string[];
}

/** Keeps what was accepted. Throws when storage does not answer. */
export interface MetadataStore {
  read(source: string): Promise<StoredMetadata | undefined>;
  /** Replaces the object only if it is still the one with this ETag (undefined: if there is none). */
  write(source: string, value: LastKnownGood, etag: string | undefined): Promise<"written" | "conflict">;
}

export interface StoredMetadata {
  /** As stored, before it is verified (stored-record.ts); undefined where it is not one of our records. */
  record: StoredRecord | undefined;
  /** Of the stored object. */
  etag: string;
}

/** Signs a document with an enveloped signature; `sign` is handed the canonical SignedInfo. */
export type SignXml = (
  xml: string,
  certificateDer: string,
  sign: (signedInfo: Uint8Array) => Promise<Uint8Array>,
) => Promise<string>;
