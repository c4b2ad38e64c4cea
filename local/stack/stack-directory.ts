/** The content of the emulated directory, and the settings of an instance that uses it. */
import type { EntraEmulator } from "../emulators/entra/emulator.ts";
import { graphHost } from "./stack-hosts.ts";
import * as world from "./world.ts";

export function populate(entra: EntraEmulator, certificatePem: string): void {
  const { clientId, name } = world.client;
  entra.registerApplication({ clientId, name });
  entra.registerCertificate(clientId, certificatePem);
  for (const { tenantId, hasConsented } of Object.values(world.tenants)) {
    if (hasConsented) entra.grantConsent(tenantId, clientId, { "https://graph.microsoft.com": ["User.Read.All"] });
  }
  // In the home tenant it requests tokens for itself only.
  entra.grantConsent(world.homeTenantId, clientId);
  const appRoles = { [world.keyholdAudience]: [world.callerRole] };
  for (const identity of Object.values(world.identities)) entra.registerManagedIdentity(identity);
  const directoryReader = { [`https://${graphHost}`]: ["Application.Read.All"] };
  entra.registerManagedIdentity({ ...world.identities.monitoring, appRoles: directoryReader });
  const directoryWriter = {
    [`https://${graphHost}`]: ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"],
  };
  entra.registerManagedIdentity({ ...world.operator, appRoles: directoryWriter });
  for (const caller of Object.values(world.callers)) entra.registerManagedIdentity({ ...caller, appRoles });
}

/** The settings as an operator would set them in Azure. */
export function settingsOf(
  entra: EntraEmulator,
  policyFile: string,
  caFile: string,
  httpsPort: number,
): Record<string, string> {
  return {
    AzureWebJobsDisableHomepage: "true",
    KEYHOLD_HOME_TENANT_ID: world.homeTenantId,
    KEYHOLD_AUDIENCE: world.keyholdAudience,
    KEYHOLD_PUBLIC_URL: `https://localhost:${httpsPort}`,
    KEYHOLD_POLICY_FILE: policyFile,
    KEYHOLD_LEDGER_TABLE_URL: `https://${world.storageAccount}.table.core.windows.net/${world.ledgerTable}`,
    APPLICATIONINSIGHTS_CONNECTION_STRING: world.applicationInsights,
    KEYHOLD_AUDIT_TABLE_URL: `https://${world.storageAccount}.table.core.windows.net/${world.auditTable}`,
    KEYHOLD_LOG_WORKSPACE_ID: world.workspaceId,
    KEYHOLD_SIGNING_IDENTITY_OBJECT_ID: world.identities.signing.objectId,
    KEYHOLD_MONITORING_IDENTITY_CLIENT_ID: world.identities.monitoring.clientId,
    KEYHOLD_METADATA_CONTAINER_URL: `https://${world.storageAccount}.blob.core.windows.net/${world.metadataContainer}`,
    KEYHOLD_METADATA_ROOTS_FILE: caFile,
    KEYHOLD_SIGNING_IDENTITY_CLIENT_ID: world.identities.signing.clientId,
    KEYHOLD_STORAGE_IDENTITY_CLIENT_ID: world.identities.storage.clientId,
    IDENTITY_ENDPOINT: entra.identityEndpoint,
    IDENTITY_HEADER: entra.identityHeader,
  };
}
