/**
 * The policy as an operator writes it (docs/reference/policy.md). adapters/policy/schema.ts has its schema and JSON
 * Schema.
 */
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
  /**
   * One or more. The first one signs from the start; after that, canaries decide which one signs (domain/credentials).
   */
  certificates?: CertificateDocument[] | undefined;
  /** Replaces `certificates` for a client without a key and a vault. */
  managedIdentityFederation?: FederationDocument | undefined;
}

/** A managed identity that a federated credential of the application trusts. */
export interface FederationDocument {
  identityClientId: string;
  /** Its object id (principal id): the subject of the federated credential. */
  identityObjectId: string;
}

export interface CertificateDocument {
  /** Key URL with its version. Without a version it would refer to another key after the next rotation. */
  keyId: string;
  /** The public certificate registered at the application, PEM. */
  certificate: string;
}

/** An identity provider whose metadata is kept up to date for relying parties, in addition to the home tenant's. */
export interface MetadataDocument {
  /** A GUID, or `common`, `organizations`, `consumers`. */
  tenant: string;
  appId?: string | undefined;
  onDiscontinuity: "accept-and-alarm" | "hold";
}

/**
 * The keys that sign metadata again for relying parties; never a client's key. Either a list with one active
 * certificate, or a single key and certificate, which is active.
 */
export interface PublisherDocument {
  keyId?: string | undefined;
  certificate?: string | undefined;
  certificates?: PublisherCertificateDocument[] | undefined;
}

export interface PublisherCertificateDocument extends CertificateDocument {
  /**
   * `staged`: published, so that relying parties can learn it. `active`: signs. `retiring`: signed before. No timer
   * changes the state.
   */
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
