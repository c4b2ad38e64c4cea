/**
 * The whole stack on one machine: local CA, Azurite, emulators of Key Vault and Entra, the control interface, and
 * instances of the functions host. It is used by `npm start`, by tests and by benchmarks.
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { type AzureMonitorEmulator, type LogSettings, startAzureMonitor } from "../emulators/azure-monitor/emulator.ts";
import { type EntraEmulator, startEntra } from "../emulators/entra/emulator.ts";
import { type KeyVaultEmulator, startKeyVault } from "../emulators/key-vault/emulator.ts";
import { type CertificateAuthority, openCertificateAuthority } from "../emulators/shared/certificate-authority.ts";
import type { Emulator } from "../emulators/shared/emulator-server.ts";
import { issueCallerToken } from "./caller-token.ts";
import { startControlServer } from "./control-server.ts";
import { type FunctionsInstance, type HostOptions, startInstance } from "./functions-instance.ts";
import type { StackProcess } from "./lock.ts";
import { moveClock } from "./network/clock.ts";
import type { Ports } from "./ports.ts";
import { forgetState, keepState, readState } from "./saved-state.ts";
import { type Service, stackControl } from "./stack-control.ts";
import { populate, settingsOf } from "./stack-directory.ts";
import { routesOf, serverNames } from "./stack-hosts.ts";
import { type Storage, startStorage } from "./storage.ts";
import { createSharedCache, keyOf } from "./vault-keys.ts";
import * as world from "./world.ts";

export interface StackOptions {
  /** The folder of the CA, policy, logs and storage. */
  folder: string;
  /**
   * Continue with the data of an earlier stack in the folder, and keep it for the next. Default: start with no data.
   */
  isKept?: boolean;
  ports: Ports;
  /** Settings of the first instance that differ from the usual ones. */
  settings?: Record<string, string>;
  /** How the vault's log reaches its readers. */
  log?: Partial<LogSettings>;
  /** Whether instances share their tokens. */
  sharedCache?: boolean;
  /** Timers that do not run on their schedule, on every instance. They run only through the admin interface. */
  disabledTimers?: readonly string[];
  /** False: no instance is started yet. */
  startFunctions?: boolean;
  onProgress?: (what: string) => void;
  /** Called for each started process that must not outlive this one. */
  onProcess?: (child: StackProcess) => void;
}

export interface Stack {
  folder: string;
  ports: Ports;
  authority: CertificateAuthority;
  keyVault: KeyVaultEmulator;
  entra: EntraEmulator;
  monitor: AzureMonitorEmulator;
  storage: Storage;
  /** The keys that the policy names: the client's and the publisher's. */
  key: { keyId: string; version: string; certificatePem: string };
  publisher: { keyId: string; version: string; certificatePem: string };
  policyFile: string;
  controlUrl: string;
  /** The first instance. */
  functions: FunctionsInstance;
  /** Settings of an instance, as an operator would set them in Azure. */
  settings(httpsPort: number): Record<string, string>;
  /** Maps production host names to loopback ports. */
  routes: Record<string, number>;
  /** Starts one more instance beside the first. */
  addInstance(
    ports: { http: number; https: number },
    settings?: Record<string, string>,
    root?: string,
    host?: HostOptions,
  ): Promise<FunctionsInstance>;
  writePolicy(policy: world.Policy): Promise<void>;
  /**
   * Moves the clocks of the instances and emulators (this process) ahead, as if this much time had passed. Azurite's
   * clock does not move; it accepts tokens that are issued up to 300 s in its future.
   */
  passTime(ms: number): Promise<void>;
  /** A caller's own token, as its managed identity would get it. */
  callerToken(caller: keyof typeof world.callers): Promise<string>;
  stop(): Promise<void>;
}

export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder, ports } = options;
  const progress = options.onProgress ?? (() => undefined);
  const onProcess = (pid: number) => options.onProcess?.({ pid, command: join(folder, "server.pem") });
  const stopping: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stopping.splice(0).reverse()) await stopOne();
  };
  try {
    progress("certificates");
    await mkdir(folder, { recursive: true });
    const saved = options.isKept ? await readState(folder) : undefined;
    if (options.isKept && saved === undefined) await forgetState(folder);
    const authority = await openCertificateAuthority(folder);
    setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
    const tls = await issueServerCertificate(authority, folder);

    progress("Entra (emulator)");
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

    progress("storage (Azurite)");
    const tokens = { tenantId: world.homeTenantId, jwks: () => entra.jwks(world.homeTenantId) };
    const isKept = saved !== undefined;
    const storage = await startStorage({
      folder: join(folder, "storage"),
      ports,
      tls: tls.files,
      tokens,
      isKept,
      onProcess,
    });
    stopping.push(() => storage.stop());

    progress("Key Vault and Azure Monitor (emulators)");
    const keyVault = await startKeyVault({
      port: ports.keyVault,
      tls: tls.identity,
      vaultHost: world.vaultHost,
      restored: saved && { keys: saved.vaultKeys, log: saved.vaultLog },
      ...tokens,
      assignments: [
        ...[world.client.keyName, world.publisher.keyName].map((keyName) => {
          return { objectId: world.identities.signing.objectId, keyName, actions: ["sign" as const] };
        }),
        { objectId: world.identities.sharedCache.objectId, keyName: world.sharedCacheKeyName, actions: ["unwrap"] },
        { objectId: world.operator.objectId, actions: ["read", "create", "sign"] },
      ],
    });
    stopping.push(() => keyVault.stop());
    const monitor = await startAzureMonitor({
      port: ports.monitor,
      tls: tls.identity,
      workspaceId: world.workspaceId,
      ...tokens,
      readers: [world.identities.monitoring.objectId],
      audit: keyVault.audit,
      ...(options.log ? { log: options.log } : {}),
    });
    stopping.push(() => monitor.stop());
    const key = await keyOf(keyVault, world.client.keyName, `CN=${world.client.name}`);
    const publisher = await keyOf(keyVault, world.publisher.keyName, "CN=Keyhold publisher");
    const cacheSettings = saved?.sharedCache ?? (await createSharedCache(keyVault));
    populate(entra, key.certificatePem);
    if (saved) entra.restore(saved.entra);

    const policyFile = join(folder, "policy.json");
    const writePolicy = (policy: world.Policy) => writeFile(policyFile, `${JSON.stringify(policy, undefined, 2)}\n`);
    if (!saved || !existsSync(policyFile)) await writePolicy(world.policyOf(key, publisher));
    if (options.isKept) {
      const state = () => ({ vaultKeys: keyVault.keys(), entra: entra.save(), sharedCache: cacheSettings });
      stopping.push(keepState(folder, state, keyVault.audit));
    }

    const services: Record<string, Service> = {
      "key-vault": keyVault,
      entra,
      "managed-identity": entra.managedIdentity,
      "azure-monitor": monitor,
      storage,
    };
    const callerToken = (caller: keyof typeof world.callers) => issueCallerToken(entra, world.callers[caller]);
    const control: Emulator = await startControlServer(ports.control, {
      stack: stackControl(services, callerToken, storage.ledgerRows, {
        pid: process.pid,
        folder,
        ports: Object.values(ports),
      }),
      "key-vault": keyVault.control,
      entra: entra.control,
      "azure-monitor": monitor.control,
      storage: storage.control,
    });
    stopping.push(() => control.stop());

    const disabled = (options.disabledTimers ?? []).map((name) => [`AzureWebJobs.${name}.Disabled`, "true"]);
    const settings = (httpsPort: number) => ({
      ...Object.fromEntries(disabled),
      ...settingsOf(entra, policyFile, authority.certificateFile, httpsPort),
      ...(options.sharedCache ? cacheSettings : {}),
    });
    const instances: FunctionsInstance[] = [];
    const passTime = async (ms: number) => {
      moveClock(ms);
      await Promise.all(instances.map((instance) => instance.moveClock(ms)));
    };
    const addInstance: Stack["addInstance"] = async ({ http, https }, overrides = {}, root, host = {}) => {
      const instance = await startInstance({
        ...host,
        onProcess,
        settings: { ...settings(https), ...overrides },
        httpPort: http,
        httpsPort: https,
        tls: tls.files,
        caFile: authority.certificateFile,
        routes: routesOf(ports),
        logFile: join(folder, "functions.log"),
        ...(root === undefined ? {} : { root }),
      });
      instances.push(instance);
      stopping.push(() => instance.stop());
      return instance;
    };
    const stack: Omit<Stack, "functions"> = {
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
      passTime,
      callerToken,
      stop,
      controlUrl: `http://127.0.0.1:${ports.control}`,
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
  const identity = await authority.issue(serverNames);
  const files = { certificateFile: join(folder, "server.pem"), privateKeyFile: join(folder, "server.key.pem") };
  await writeFile(files.certificateFile, identity.certificate);
  await writeFile(files.privateKeyFile, identity.privateKey, { mode: 0o600 });
  return { identity, files };
}
