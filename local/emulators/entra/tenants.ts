/**
 * The tenants: which exist, who has consented to what, and forced errors. Every GUID is a tenant until it is removed,
 * so a load test with thousands of customers only has to set up their consent.
 */
import { deterministicGuid } from "./application-registry.ts";

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isGuid(text: string): boolean {
  return guid.test(text.toLowerCase());
}

/** Endpoints that do not belong to one tenant. */
export const sharedEndpoints: ReadonlySet<string> = new Set(["common", "organizations", "consumers"]);

/** The tenant in issuers. The shared endpoints cannot name one: the reader inserts the `tid` of the token it checks. */
export function issuerTenant(tenant: string): string {
  return sharedEndpoints.has(tenant) ? "{tenantid}" : tenant;
}

/** App roles granted with the consent, by resource. */
export type GrantedRoles = Record<string, string[]>;

export interface SavedTenants {
  removed: Set<string>;
  consents: Map<string, Map<string, Map<string, string[]>>>;
  blockedResources: Map<string, Set<string>>;
}

export class Tenants {
  #removed = new Set<string>();
  #consents = new Map<string, Map<string, Map<string, string[]>>>();
  #blockedResources = new Map<string, Set<string>>();
  #forcedErrors = new Map<string, number>();

  save(): SavedTenants {
    return { removed: this.#removed, consents: this.#consents, blockedResources: this.#blockedResources };
  }

  restore({ removed, consents, blockedResources }: SavedTenants): void {
    this.#removed = removed;
    this.#consents = consents;
    this.#blockedResources = blockedResources;
  }

  exists(tenantId: string): boolean {
    return isGuid(tenantId) && !this.#removed.has(tenantId.toLowerCase());
  }

  remove(tenantId: string): void {
    this.#removed.add(tenantId.toLowerCase());
    this.#consents.delete(tenantId.toLowerCase());
  }

  grantConsent(tenantId: string, clientId: string, roles: GrantedRoles = {}): void {
    if (!this.exists(tenantId)) throw new Error(`there is no tenant ${tenantId}`);
    const consents = this.#consents.get(tenantId.toLowerCase()) ?? new Map<string, Map<string, string[]>>();
    consents.set(clientId.toLowerCase(), new Map(Object.entries(roles)));
    this.#consents.set(tenantId.toLowerCase(), consents);
  }

  revokeConsent(tenantId: string, clientId: string): void {
    this.#consents.get(tenantId.toLowerCase())?.delete(clientId.toLowerCase());
  }

  /** The granted roles by resource. Undefined if the tenant has not consented to this client. */
  consent(tenantId: string, clientId: string): ReadonlyMap<string, string[]> | undefined {
    return this.#consents.get(tenantId)?.get(clientId.toLowerCase());
  }

  /** Makes the tenant answer as if it had no service principal for the resource. */
  blockResource(tenantId: string, resource: string): void {
    const blocked = this.#blockedResources.get(tenantId.toLowerCase()) ?? new Set<string>();
    this.#blockedResources.set(tenantId.toLowerCase(), blocked.add(resource));
  }

  unblockResource(tenantId: string, resource: string): void {
    this.#blockedResources.get(tenantId.toLowerCase())?.delete(resource);
  }

  isBlocked(tenantId: string, resource: string): boolean {
    return this.#blockedResources.get(tenantId)?.has(resource) ?? false;
  }

  /** Without a client id, the error applies to every client in the tenant. */
  forceError(tenantId: string, code: number | undefined, clientId = ""): void {
    const key = `${tenantId}|${clientId}`.toLowerCase();
    if (code === undefined) this.#forcedErrors.delete(key);
    else this.#forcedErrors.set(key, code);
  }

  forcedError(tenantId: string, clientId: string): number | undefined {
    if (this.#forcedErrors.size === 0) return undefined;
    const key = `${tenantId}|${clientId}`.toLowerCase();
    return this.#forcedErrors.get(key) ?? this.#forcedErrors.get(`${tenantId}|`.toLowerCase());
  }

  /** The object id of the client's service principal in the tenant. */
  servicePrincipalId(tenantId: string, clientId: string): string {
    return deterministicGuid("service principal", tenantId, clientId.toLowerCase());
  }
}
