/**
 * Azure Monitor and Entra as emulators, the log a plain array. Connections to the production name of the query API go
 * to the emulator; TLS checks the production name.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { TokenCredential } from "@azure/identity";
import {
  type AzureMonitorEmulator,
  queryHosts,
  startAzureMonitor,
} from "../../../../local/emulators/azure-monitor/emulator.ts";
import { type EntraEmulator, startEntra } from "../../../../local/emulators/entra/emulator.ts";
import type { AuditEvent } from "../../../../local/emulators/key-vault/audit-log.ts";
import { openCertificateAuthority } from "../../../../local/emulators/shared/certificate-authority.ts";

export const workspaceId = "aaaaaaaa-0000-4000-8000-000000000001";
export const vaultResourceId =
  "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/keyhold/providers/microsoft.keyvault/vaults/v";
/** Who signs, as the vault's log has it. */
export const signingObjectId = "aaaaaaaa-1111-4111-8111-111111111111";
export const keyVersion = "0123456789abcdef0123456789abcdef";
/** A time long past, so that no lag hides what is logged then. */
export const startMs = Date.UTC(2026, 0, 31, 12);
const homeTenantId = "11111111-1111-4111-8111-111111111111";
export const reader = { clientId: "22222222-2222-4222-8222-222222222221", objectId: randomUUID(), name: "reader" };
export const stranger = { clientId: "22222222-2222-4222-8222-222222222222", objectId: randomUUID(), name: "stranger" };

export interface VaultLogWorld {
  monitor: AzureMonitorEmulator;
  entra: EntraEmulator;
  audit: AuditEvent[];
  clock: { nowMs: number };
  /** Tokens as the managed identity endpoint issues them. */
  credential(identity: { clientId: string }): TokenCredential;
  /** Empties the log and takes back what a test has set. */
  reset(): void;
  stop(): Promise<void>;
}

export async function startVaultLogWorld(): Promise<VaultLogWorld> {
  const folder = await mkdtemp(join(tmpdir(), "azure-monitor-"));
  const authority = await openCertificateAuthority(folder);
  setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
  const tls = await authority.issue(["localhost", "login.microsoftonline.com", ...queryHosts]);
  const entra = await startEntra({ port: 0, tls, managedIdentityPort: 0, homeTenantId });
  for (const identity of [reader, stranger]) entra.registerManagedIdentity(identity);
  const audit: AuditEvent[] = [];
  const clock = { nowMs: startMs + 86_400_000 };
  const monitor = await startAzureMonitor({
    port: 0,
    tls,
    workspaceId,
    audit,
    tenantId: homeTenantId,
    jwks: () => entra.jwks(homeTenantId),
    readers: [reader.objectId],
    now: () => clock.nowMs,
  });
  const initialLog = structuredClone(monitor.log);
  process.env.LOCAL_ROUTES = JSON.stringify(Object.fromEntries(queryHosts.map((host) => [host, monitor.port])));
  await import("../../../../local/stack/network/redirect.ts");
  return {
    ...{ monitor, entra, audit, clock },
    credential: ({ clientId }) => ({ getToken: (scope) => requestToken(entra, clientId, `${scope}`) }),
    reset() {
      audit.length = 0;
      clock.nowMs = startMs + 86_400_000;
      Object.assign(monitor.log, structuredClone(initialLog));
      monitor.behaviour.faults = [];
      monitor.queries.length = 0;
      monitor.telemetry.length = 0;
    },
    async stop() {
      await Promise.all([monitor.stop(), entra.stop(), entra.managedIdentity.stop()]);
      await rm(folder, { recursive: true });
    },
  };
}

async function requestToken(entra: EntraEmulator, clientId: string, scope: string) {
  const url = new URL(entra.identityEndpoint);
  const resource = scope.replace(/\/\.default$/, "");
  url.search = `${new URLSearchParams({ "api-version": "2019-08-01", resource, client_id: clientId })}`;
  const response = await fetch(url, { headers: { "X-IDENTITY-HEADER": entra.identityHeader } });
  const body = (await response.json()) as { access_token: string; expires_on: string };
  return { token: body.access_token, expiresOnTimestamp: Number(body.expires_on) * 1000 };
}

/** A signature by the reader's neighbour, the signing identity, `afterMs` after `startMs`. */
export function signEvent(afterMs: number, changes: Partial<AuditEvent> = {}): AuditEvent {
  const key = `keys/Client-Assertion/${keyVersion}`;
  return {
    TimeGenerated: new Date(startMs + afterMs).toISOString(),
    OperationName: "KeySign",
    OperationVersion: "7.5",
    HttpStatusCode: 200,
    ResultType: "Success",
    ResultSignature: "OK",
    ResultDescription: "",
    DurationMs: 12,
    CallerIpAddress: "10.0.0.4",
    CorrelationId: randomUUID(),
    Identity: { claim: { oid: signingObjectId.toUpperCase(), appid: "BBBBBBBB-1111-4111-8111-111111111111" } },
    Id: `https://v.vault.azure.net/${key}`,
    RequestUri: `https://v.vault.azure.net:443/${key}/sign?api-version=7.5`,
    ClientInfo: "azsdk-js-keyvault-keys/4.10.2",
    Algorithm: "PS256",
    IsRbacAuthorized: true,
    IsAddressAuthorized: true,
    AddressAuthorizationType: "PublicIP",
    Tlsversion: "TLS1_3",
    TenantId: workspaceId,
    SourceSystem: "Azure",
    Type: "AZKVAuditLogs",
    _ResourceId: vaultResourceId,
    ...changes,
  };
}
