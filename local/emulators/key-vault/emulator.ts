/**
 * An emulator of the keys data plane of Azure Key Vault over HTTPS. The unchanged `@azure/keyvault-keys` client can
 * sign with it. Keys are created inside; a private key leaves only through the secret of a key that was created as
 * exportable.
 *
 * It does not emulate soft delete, network rules, access policies, the control plane of Azure, or the vault's own
 * request limits: throttling comes from injected faults.
 */
import type { TlsIdentity } from "../shared/certificate-authority.ts";
import { ControlError, type ControlRoute } from "../shared/control-route.ts";
import { type Behaviour, createEmulator, type Emulator } from "../shared/emulator-server.ts";
import type { AuditEvent } from "./audit-log.ts";
import { type AuthenticationOptions, createAuthenticator } from "./authentication.ts";
import { type ControlledVault, type CreatedKey, type CreateKeyOptions, controlRoutes } from "./control.ts";
import { type DataPlane, handle } from "./data-plane.ts";
import { createKeyStore, type KeyStore, type KeyVersion } from "./key-store.ts";
import type { RoleAssignment } from "./role-assignments.ts";

export type { AuditEvent } from "./audit-log.ts";
export type { CreatedKey, CreateKeyOptions } from "./control.ts";
export { faultAnswers } from "./error-answers.ts";
export type { DataAction, RoleAssignment } from "./role-assignments.ts";

interface KeyVaultOptions extends AuthenticationOptions {
  /** 0: any free port. */
  port: number;
  tls: TlsIdentity;
  /**
   * The production name, for example `keyhold-local.vault.azure.net`. It is used in every id, whichever name is called.
   */
  vaultHost: string;
  /** Who may do what. Every other caller gets 403 ForbiddenByRbac. */
  assignments: RoleAssignment[];
  /** The keys and the log of an earlier process, which this process continues. */
  restored?: { keys: readonly KeyVersion[]; log: readonly AuditEvent[] } | undefined;
}

export interface KeyVaultEmulator extends Emulator {
  /** Creates a key version with a self-signed certificate. It is not a request, so it is not in the audit log. */
  createKey(name: string, options?: CreateKeyOptions): Promise<CreatedKey>;
  /** All versions of all keys, oldest first, with their private keys. */
  keys(): KeyVersion[];
  setKeyEnabled(name: string, version: string, enabled: boolean): void;
  /** Changes the key as if it had been created so. The real vault does not allow this change. */
  setKeyExportable(name: string, version: string, exportable: boolean): void;
  /** Append-only, except that a control route can empty it. */
  audit: AuditEvent[];
  /** Operation names as in the audit log: KeySign, KeyGet, Authentication, ... */
  behaviour: Behaviour;
  /** The array that was passed in. A change to it takes effect with the next request. */
  assignments: RoleAssignment[];
  control: ControlRoute[];
}

const region = "westeurope";

export async function startKeyVault(options: KeyVaultOptions): Promise<KeyVaultEmulator> {
  const vault = createVault(options);
  const { port, tls } = options;
  const emulator = await createEmulator({ port, tls, handler: (request) => handle(vault, request) });
  const { audit, behaviour, assignments, createKey, setKeyEnabled, setKeyExportable, store } = vault;
  const actions = { createKey, setKeyEnabled, setKeyExportable, keys: () => store.versions() };
  const parts = { audit, behaviour, assignments, ...actions, control: controlRoutes(vault) };
  return Object.assign(emulator, parts);
}

function createVault(options: KeyVaultOptions): ControlledVault & DataPlane {
  const name = options.vaultHost.split(".")[0] ?? options.vaultHost;
  const group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/keyhold-local";
  const store = createKeyStore(options.vaultHost, options.restored?.keys);
  const change = (keyName: string, version: string, changes: { enabled: boolean } | { exportable: boolean }) => {
    const key = store.find(keyName, version);
    if (!key) throw new ControlError(`no key ${keyName} with version ${version}; GET /keys lists them`);
    Object.assign(key, changes, { updated: new Date() });
  };
  return {
    name,
    region,
    resourceId: `${group}/providers/microsoft.keyvault/vaults/${name}`,
    host: options.vaultHost,
    tenantId: options.tenantId,
    authenticate: createAuthenticator(options),
    store,
    audit: [...(options.restored?.log ?? [])],
    behaviour: { latencyMs: 0, faults: [] },
    assignments: options.assignments,
    createKey: (keyName, keyOptions = {}) => createCertificateKey(store, keyName, keyOptions),
    setKeyEnabled: (keyName, version, enabled) => change(keyName, version, { enabled }),
    setKeyExportable: (keyName, version, exportable) => change(keyName, version, { exportable }),
  };
}

/** Keys of a hardware module cannot be exported, so only exportable keys are software keys. */
async function createCertificateKey(store: KeyStore, name: string, options: CreateKeyOptions): Promise<CreatedKey> {
  const { exportable = false, keySize = 2048, subject = `CN=${name}`, notAfter, keyOps = ["sign", "verify"] } = options;
  const key = await store.create({
    name,
    keySize,
    exportable,
    kty: exportable ? "RSA" : "RSA-HSM",
    keyOps,
    enabled: true,
    certificate: { subject, ...(notAfter && { notAfter }) },
  });
  return describeKey(key);
}

export function describeKey({ id, version, certificate }: KeyVersion): CreatedKey {
  const { pem: certificatePem = "", x5tS256 = "" } = certificate ?? {};
  return { keyId: id, version, certificatePem, x5tS256 };
}
