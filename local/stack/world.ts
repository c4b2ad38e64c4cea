/** The fictional company of the local stack, with fixed ids, so that commands and tests can name them. */

export const homeTenantId = "10000000-0000-4000-8000-000000000001";

/** Keyhold's own app registration in the home tenant: the audience of callers' tokens. */
export const keyholdAudience = "20000000-0000-4000-8000-000000000001";
export const callerRole = "Tokens.Issue";

export const vaultHost = "keyhold-local.vault.azure.net";
export const storageAccount = "keyholdlocal";
export const ledgerTable = "keyholdledger";
export const auditTable = "keyholdaudit";
/** Application Insights: an instrumentation key that is not real, and the host to which telemetry is sent. */
export const telemetryHost = "keyhold-local.in.applicationinsights.azure.com";
export const liveHost = "keyhold-local.livediagnostics.monitor.azure.com";
export const applicationInsights = `InstrumentationKey=80000000-0000-4000-8000-000000000001;IngestionEndpoint=https://${telemetryHost}/;LiveEndpoint=https://${liveHost}/`;
/** The Log Analytics workspace that receives the vault's log. */
export const workspaceId = "70000000-0000-4000-8000-000000000001";
/** The table of the tokens that instances share, and the key that wraps theirs. */
export const sharedTokensTable = "keyholdtokens";
export const sharedCacheKeyName = "shared-cache";
export const policyContainer = "keyhold";
export const metadataContainer = "metadata";
/** The key that re-signs metadata for relying parties. */
export const publisher = { keyName: "publisher" };

/** The multi-tenant application that acts in customer tenants. Its key is created in the vault at each start. */
export const client = { name: "orders-app", clientId: "30000000-0000-4000-8000-000000000001", keyName: "orders-app" };

export const tenants = {
  contoso: { tenantId: "40000000-0000-4000-8000-000000000001", state: "active", hasConsented: true },
  fabrikam: { tenantId: "40000000-0000-4000-8000-000000000002", state: "active", hasConsented: false },
  adatum: { tenantId: "40000000-0000-4000-8000-000000000003", state: "suspended", hasConsented: true },
} as const;

export const scopes = { graph: "https://graph.microsoft.com/.default", orders: "https://orders.example/.default" };

/** Managed identities. `callers` are internal workloads; these are Keyhold's own. */
export const identities = {
  signing: identity(1, "keyhold-signing"),
  storage: identity(2, "keyhold-storage"),
  monitoring: identity(3, "keyhold-monitoring"),
  sharedCache: identity(4, "keyhold-shared-cache"),
};

/** A person with an operator's rights, for the command line. */
export const operator = identity(21, "operator");

export const callers = {
  billing: identity(11, "billing-service"),
  sync: identity(12, "sync-service"),
  /** Has the app role, but no grant. */
  visitor: identity(13, "visitor-service"),
};

function identity(number: number, name: string) {
  const tail = String(number).padStart(12, "0");
  return { name, clientId: `50000000-0000-4000-8000-${tail}`, objectId: `60000000-0000-4000-8000-${tail}` };
}

/** The policy that `npm start` writes: one caller for all tenants, and one that may have assertions in one tenant. */
export function policyOf(certificate: VaultCertificate, publisherCertificate: VaultCertificate) {
  return {
    clients: [
      {
        name: client.name,
        clientId: client.clientId,
        certificates: [{ keyId: certificate.keyId, certificate: certificate.certificatePem }],
      },
    ],
    tenants: Object.entries(tenants).map(([name, { tenantId, state }]) => ({
      name,
      tenantId: tenantId as string,
      state: state as string,
    })),
    callers: Object.values(callers).map(({ name, objectId }) => ({ name, tenantId: homeTenantId, objectId })),
    grants: [
      {
        caller: callers.billing.name,
        client: client.name,
        tenants: "all-active",
        scopes: Object.values(scopes),
        issues: ["token"],
      },
      {
        caller: callers.sync.name,
        client: client.name,
        tenants: ["contoso"],
        scopes: [scopes.orders],
        issues: ["token", "assertion"],
      },
    ] as GrantOfPolicy[],
    metadata: [{ tenant: homeTenantId }, { tenant: tenants.contoso.tenantId }, { tenant: "common" }] as {
      tenant: string;
      appId?: string;
      onDiscontinuity?: string;
    }[],
    publisher: {
      keyId: publisherCertificate.keyId,
      certificate: publisherCertificate.certificatePem,
    } as PublisherOfPolicy,
  };
}

interface VaultCertificate {
  keyId: string;
  certificatePem: string;
}

interface PublisherOfPolicy {
  keyId?: string;
  certificate?: string;
  certificates?: { keyId: string; certificate: string; state: "staged" | "active" | "retiring" }[];
}

interface GrantOfPolicy {
  caller: string;
  client: string;
  tenants: string | string[];
  scopes: string[];
  issues: string[];
}

export type Policy = ReturnType<typeof policyOf>;
