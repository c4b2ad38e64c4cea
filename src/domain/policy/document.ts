/** The policy as an operator writes it (docs/reference/policy.md). Its schema and JSON Schema are in adapters/policy/schema.ts. */
export interface PolicyDocument {
  clients: ClientDocument[];
  tenants: TenantDocument[];
  callers: CallerDocument[];
  grants: GrantDocument[];
  metadata: MetadataDocument[];
  homeApis: HomeApiDocument[];
  publisher?: PublisherDocument | undefined;
}

export interface ClientDocument {
  name: string;
  clientId: string;
  state: "active" | "suspended";
  /** One or more, the one to begin with first. Which of them signs is decided by canaries (domain/credentials). */
  certificates?: CertificateDocument[] | undefined;
  /** Instead of certificates: no key, and no vault. */
  managedIdentityFederation?: FederationDocument | undefined;
}

/** A managed identity that a federated credential of the application trusts. */
export interface FederationDocument {
  identityClientId: string;
  /** Its object id (principal id): the subject of the federated credential. */
  identityObjectId: string;
}

export interface CertificateDocument {
  /** Key URL with its version: an unversioned one would change under us at the next rotation. */
  keyId: string;
  /** The public certificate registered at the application, PEM. */
  certificate: string;
}

/** Identity providers whose metadata is kept fresh for relying parties, besides the home tenant's. */
export interface MetadataDocument {
  /** A GUID, or `common`, `organizations`, `consumers`. */
  tenant: string;
  appId?: string | undefined;
  onDiscontinuity: "accept-and-alarm" | "hold";
}

/**
 * The keys that re-sign metadata for relying parties: its own, never a client's. Either a list of which one is active, or
 * one key and certificate, which then is.
 */
export interface PublisherDocument {
  keyId?: string | undefined;
  certificate?: string | undefined;
  certificates?: PublisherCertificateDocument[] | undefined;
}

export interface PublisherCertificateDocument extends CertificateDocument {
  /** `staged`: relying parties get to know it. `active`: signs. `retiring`: signed before. No timer changes it. */
  state: "staged" | "active" | "retiring";
}

/** One of our own APIs in the home tenant. */
export interface HomeApiDocument {
  name: string;
  applicationId: string;
}

export interface TenantDocument {
  name: string;
  tenantId: string;
  state: "active" | "suspended";
  /** RFC 3339. Tokens that were minted earlier are not served. */
  tokensNotBefore?: string | undefined;
}

export interface CallerDocument {
  name: string;
  tenantId: string;
  objectId: string;
  azp?: string | undefined;
  state: "active" | "suspended";
}

export interface GrantDocument {
  caller: string;
  client: string;
  tenants: string[] | "all-active";
  scopes: string[];
  issues: ("token" | "assertion")[];
}
