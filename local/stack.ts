/**
 * The whole stack on one machine: local CA, Azurite, emulators of Key Vault and Entra, the control interface, and
 * instances of the functions host. Used by `npm start`, by tests and by benchmarks alike.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import {
  type AzureMonitorEmulator,
  type LogSettings,
  queryHosts,
  startAzureMonitor,
} from "./azure-monitor/emulator.ts";
import { type CertificateAuthority, openCertificateAuthority } from "./certificate-authority.ts";
import { startControlServer } from "./control-server.ts";
import type { Emulator } from "./emulator-server.ts";
import { type EntraEmulator, startEntra } from "./entra/emulator.ts";
import { type FunctionsInstance, startInstance } from "./functions-instance.ts";
import { type KeyVaultEmulator, startKeyVault } from "./key-vault/emulator.ts";
import type { Ports } from "./ports.ts";
import { type Service, stackControl } from "./stack-control.ts";
import { type Storage, startStorage } from "./storage.ts";
import * as world from "./world.ts";

export interface StackOptions {
  /** CA, policy, logs and storage lie here. */
  folder: string;
  ports: Ports;
  /** Settings of the first instance that differ from the usual ones. */
  settings?: Record<string, string>;
  /** How the vault's log reaches those who query it. */
  log?: Partial<LogSettings>;
  /** False: no instance is started yet. */
  startFunctions?: boolean;
  onProgress?: (what: string) => void;
}

export interface Stack {
  folder: string;
  ports: Ports;
  authority: CertificateAuthority;
  keyVault: KeyVaultEmulator;
  entra: EntraEmulator;
  monitor: AzureMonitorEmulator;
  storage: Storage;
  /** The keys that the policy names: the client's, and the publisher's. */
  key: { keyId: string; version: string; certificatePem: string };
  publisher: { keyId: string; version: string; certificatePem: string };
  policyFile: string;
  controlUrl: string;
  /** The first instance. */
  functions: FunctionsInstance;
  /** Settings of an instance, as an operator would set them in Azure. */
  settings(httpsPort: number): Record<string, string>;
  /** Production host name to loopback port. */
  routes: Record<string, number>;
  /** One more instance beside the first. */
  addInstance(
    ports: { http: number; https: number },
    settings?: Record<string, string>,
    root?: string,
  ): Promise<FunctionsInstance>;
  writePolicy(policy: world.Policy): Promise<void>;
  /** A caller's own token, as its managed identity would get it. */
  callerToken(caller: keyof typeof world.callers): Promise<string>;
  stop(): Promise<void>;
}

const authorityHosts = ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"];
const graphHost = "graph.microsoft.com";
const storageHosts = ["blob", "queue", "table"].map((service) => `${world.storageAccount}.${service}.core.windows.net`);

export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder, ports } = options;
  const progress = options.onProgress ?? (() => undefined);
  const stopping: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stopping.splice(0).reverse()) await stopOne();
  };
  try {
    progress("certificates");
    await mkdir(folder, { recursive: true });
    const authority = await openCertificateAuthority(folder);
    setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
    const tls = await issueServerCertificate(authority, folder);

    progress("storage (Azurite)");
    const storage = await startStorage({ folder: join(folder, "storage"), ports, tls: tls.files });
    stopping.push(() => storage.stop());

    progress("Entra, Key Vault and Azure Monitor (emulators)");
    const entra = await startEntra({
      port: ports.entra,
      managedIdentityPort: ports.managedIdentity,
      homeTenantId: world.homeTenantId,
      tls: tls.identity,
    });
    stopping.push(
      () => entra.stop(),
      () => entra.managedIdentity.stop(),
    );
    const keyVault = await startKeyVault({
      port: ports.keyVault,
      tls: tls.identity,
      vaultHost: world.vaultHost,
      tenantId: world.homeTenantId,
      jwks: () => entra.jwks(world.homeTenantId),
      assignments: [
        ...[world.client.keyName, world.publisher.keyName].map((keyName) => {
          return { objectId: world.identities.signing.objectId, keyName, actions: ["sign" as const] };
        }),
        { objectId: world.operator.objectId, actions: ["read", "create", "sign"] },
      ],
    });
    stopping.push(() => keyVault.stop());
    const monitor = await startAzureMonitor({
      port: ports.monitor,
      tls: tls.identity,
      workspaceId: world.workspaceId,
      tenantId: world.homeTenantId,
      jwks: () => entra.jwks(world.homeTenantId),
      readers: [world.identities.monitoring.objectId],
      audit: keyVault.audit,
      ...(options.log ? { log: options.log } : {}),
    });
    stopping.push(() => monitor.stop());
    const key = await keyVault.createKey(world.client.keyName, { subject: `CN=${world.client.name}` });
    const publisher = await keyVault.createKey(world.publisher.keyName, { subject: "CN=Keyhold publisher" });
    populate(entra, key.certificatePem);

    const policyFile = join(folder, "policy.json");
    const writePolicy = (policy: world.Policy) => writeFile(policyFile, `${JSON.stringify(policy, undefined, 2)}\n`);
    await writePolicy(world.policyOf(key, publisher));

    const services: Record<string, Service> = {
      "key-vault": keyVault,
      entra,
      "managed-identity": entra.managedIdentity,
      "azure-monitor": monitor,
      storage,
    };
    const callerToken = (caller: keyof typeof world.callers) => issueCallerToken(entra, world.callers[caller]);
    const control: Emulator = await startControlServer(ports.control, {
      stack: stackControl(services, callerToken, storage.ledgerRows),
      "key-vault": keyVault.control,
      entra: entra.control,
      "azure-monitor": monitor.control,
      storage: storage.control,
    });
    stopping.push(() => control.stop());

    const settings = (httpsPort: number) => settingsOf(entra, policyFile, authority.certificateFile, httpsPort);
    const addInstance: Stack["addInstance"] = async ({ http, https }, overrides = {}, root) => {
      const instance = await startInstance({
        settings: { ...settings(https), ...overrides },
        httpPort: http,
        httpsPort: https,
        tls: tls.files,
        caFile: authority.certificateFile,
        routes: routesOf(ports),
        logFile: join(folder, "functions.log"),
        ...(root === undefined ? {} : { root }),
      });
      stopping.push(() => instance.stop());
      return instance;
    };
    const stack: Omit<Stack, "functions"> = {
      ...{
        folder,
        ports,
        authority,
        keyVault,
        entra,
        monitor,
        storage,
        key,
        publisher,
        policyFile,
        settings,
        routes: routesOf(ports),
        addInstance,
        writePolicy,
      },
      ...{ callerToken, stop, controlUrl: `http://127.0.0.1:${ports.control}` },
    };
    if (options.startFunctions === false) return stack as Stack;
    progress("Keyhold (functions host)");
    const functions = await addInstance(ports, options.settings);
    return Object.assign(stack, { functions });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function issueServerCertificate(authority: CertificateAuthority, folder: string) {
  const names = [
    "localhost",
    "127.0.0.1",
    world.vaultHost,
    ...authorityHosts,
    graphHost,
    ...storageHosts,
    ...queryHosts,
    world.telemetryHost,
  ];
  const identity = await authority.issue(names);
  const files = { certificateFile: join(folder, "server.pem"), privateKeyFile: join(folder, "server.key.pem") };
  await writeFile(files.certificateFile, identity.certificate);
  await writeFile(files.privateKeyFile, identity.privateKey, { mode: 0o600 });
  return { identity, files };
}

function populate(entra: EntraEmulator, certificatePem: string): void {
  const { clientId, name } = world.client;
  entra.registerApplication({ clientId, name });
  entra.registerCertificate(clientId, certificatePem);
  for (const { tenantId, hasConsented } of Object.values(world.tenants)) {
    if (hasConsented) entra.grantConsent(tenantId, clientId, { "https://graph.microsoft.com": ["User.Read.All"] });
  }
  // In the home tenant it asks for tokens for itself only.
  entra.grantConsent(world.homeTenantId, clientId);
  const appRoles = { [world.keyholdAudience]: [world.callerRole] };
  for (const identity of Object.values(world.identities)) entra.registerManagedIdentity(identity);
  const directoryReader = { [`https://${graphHost}`]: ["Application.Read.All"] };
  entra.registerManagedIdentity({ ...world.identities.monitoring, appRoles: directoryReader });
  const directoryWriter = { [`https://${graphHost}`]: ["Application.ReadWrite.All"] };
  entra.registerManagedIdentity({ ...world.operator, appRoles: directoryWriter });
  for (const caller of Object.values(world.callers)) entra.registerManagedIdentity({ ...caller, appRoles });
}

function settingsOf(
  entra: EntraEmulator,
  policyFile: string,
  caFile: string,
  httpsPort: number,
): Record<string, string> {
  return {
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

function routesOf(ports: Ports): Record<string, number> {
  const routes: Record<string, number> = { [world.vaultHost]: ports.keyVault };
  for (const host of [...authorityHosts, graphHost]) routes[host] = ports.entra;
  for (const host of [...queryHosts, world.telemetryHost]) routes[host] = ports.monitor;
  for (const [i, host] of storageHosts.entries()) routes[host] = [ports.blob, ports.queue, ports.table][i] ?? 0;
  return routes;
}

async function issueCallerToken(entra: EntraEmulator, caller: { clientId: string }): Promise<string> {
  const url = new URL(entra.identityEndpoint);
  url.search = `${new URLSearchParams({
    "api-version": "2019-08-01",
    resource: world.keyholdAudience,
    client_id: caller.clientId,
  })}`;
  const response = await fetch(url, { headers: { "X-IDENTITY-HEADER": entra.identityHeader } });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (!token) throw new Error("the managed identity endpoint gave no token");
  return token;
}
