/** The policy as an operator writes it (docs/policy.md). Its schema and JSON Schema are in adapters/policy-schema.ts. */
export interface PolicyDocument {
  clients: ClientDocument[];
  tenants: TenantDocument[];
  callers: CallerDocument[];
  grants: GrantDocument[];
}

export interface ClientDocument {
  name: string;
  clientId: string;
  state: "active" | "suspended";
  certificates: CertificateDocument[];
}

export interface CertificateDocument {
  /** Key URL with its version: an unversioned one would change under us at the next rotation. */
  keyId: string;
  /** The public certificate registered at the application, PEM. */
  certificate: string;
  state: "staged" | "active" | "retiring";
}

export interface TenantDocument {
  name: string;
  tenantId: string;
  state: "active" | "suspended";
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
