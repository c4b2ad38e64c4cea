/**
 * App registrations of the home tenant and their credentials: certificates, secrets and federated credentials, on the
 * application and on its service principal in the home tenant.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  addCertificate,
  indexCertificates,
  type RegisteredCertificate,
  type RegisteredCertificates,
  readCertificate,
  removeCertificate,
} from "./registered-certificate.ts";

export interface CredentialHolder {
  certificates: RegisteredCertificates;
  passwords: Password[];
}

/** Records that a secret exists. Its text is not kept, because the token endpoint accepts no secrets. */
interface Password {
  keyId: string;
  displayName: string;
  startDateTime: string;
  endDateTime: string;
}

export interface FederatedCredential {
  id: string;
  name: string;
  issuer: string;
  subject: string;
  audiences: string[];
}

/** App instance property lock, with the names of Microsoft Graph. */
interface InstanceLock {
  isEnabled: boolean;
  allProperties: boolean | null;
  credentialsWithUsageVerify: boolean | null;
  credentialsWithUsageSign: boolean | null;
  tokenEncryptionKeyId: boolean | null;
}

/** A role that others may be granted on an application, with the names of Microsoft Graph. */
export interface AppRole {
  id: string;
  value: string;
  displayName: string;
  description: string;
  isEnabled: boolean;
  allowedMemberTypes: string[];
}

/** The parts of a registration other than credentials, with the names of Microsoft Graph. */
export interface Manifest {
  /** The key that the application's creator chose. */
  uniqueName: string | null;
  signInAudience: string;
  identifierUris: string[];
  /** 2, or null for version 1. */
  requestedAccessTokenVersion: number | null;
  appRoles: AppRole[];
  requiredResourceAccess: { resourceAppId: string; resourceAccess: { id: string; type: string }[] }[];
  redirectUris: string[];
  /** Object ids. */
  owners: string[];
}

export interface Application extends CredentialHolder {
  clientId: string;
  name: string;
  objectId: string;
  createdAt: string;
  manifest: Manifest;
  federated: FederatedCredential[];
  /** Enabled for a new application, as the portal does. */
  lock: InstanceLock | null;
  /** The tenant that registered it, if that is not the home tenant. */
  ownerTenantId?: string | undefined;
  /** The service principal in the home tenant. It becomes visible once the home tenant has consented. */
  servicePrincipal: CredentialHolder;
}

export type SavedApplication = Omit<Application, "createdAt" | "manifest"> &
  Partial<Pick<Application, "createdAt" | "manifest">>;

const yearMs = 365 * 86_400_000;
const fullLock: InstanceLock = {
  isEnabled: true,
  allProperties: true,
  credentialsWithUsageVerify: null,
  credentialsWithUsageSign: null,
  tokenEncryptionKeyId: null,
};

export class ApplicationRegistry {
  #applications = new Map<string, Application>();

  register(app: {
    clientId: string;
    name: string;
    objectId?: string | undefined;
    ownerTenantId?: string | undefined;
  }): void {
    const clientId = app.clientId.toLowerCase();
    const objectId = app.objectId?.toLowerCase() ?? deterministicGuid("application", clientId);
    const before = this.#applications.get(clientId) ?? {
      createdAt: new Date().toISOString(),
      manifest: emptyManifest(),
      certificates: new Map(),
      passwords: [],
      federated: [],
      lock: { ...fullLock },
      servicePrincipal: { certificates: new Map(), passwords: [] },
    };
    const { name, ownerTenantId } = app;
    this.#applications.set(clientId, { ...before, clientId, name, objectId, ownerTenantId });
  }

  /** Restores the list that an earlier process saved. Older versions saved credentials only. */
  restore(applications: readonly SavedApplication[]): void {
    for (const application of applications) {
      const { clientId, certificates, servicePrincipal } = application;
      this.#applications.set(clientId, {
        createdAt: new Date().toISOString(),
        ...application,
        manifest: { ...emptyManifest(), ...application.manifest },
        certificates: indexCertificates(certificates),
        servicePrincipal: { ...servicePrincipal, certificates: indexCertificates(servicePrincipal.certificates) },
      });
    }
  }

  find(clientId: string): Application | undefined {
    return this.#applications.get(clientId.toLowerCase());
  }

  byUniqueName(uniqueName: string): Application | undefined {
    return this.list().find(({ manifest }) => manifest.uniqueName === uniqueName);
  }

  byObjectId(objectId: string): Application | undefined {
    return this.list().find((application) => application.objectId === objectId.toLowerCase());
  }

  list(): Application[] {
    return [...this.#applications.values()];
  }

  registerCertificate(clientId: string, pem: string): RegisteredCertificate {
    return addCertificate(this.require(clientId).certificates, readCertificate(pem));
  }

  removeCertificate(clientId: string, x5tS256: string): void {
    removeCertificate(this.require(clientId).certificates, x5tS256);
  }

  require(clientId: string): Application {
    const application = this.find(clientId);
    if (application === undefined) throw new Error(`no application ${clientId} is registered`);
    return application;
  }
}

/** What Graph creates for an application of which only the name is given. */
function emptyManifest(): Manifest {
  return {
    ...{ uniqueName: null, signInAudience: "AzureADMyOrg", identifierUris: [], requestedAccessTokenVersion: null },
    ...{ appRoles: [], requiredResourceAccess: [], redirectUris: [], owners: [] },
  };
}

/** Simulates the creation of a client secret. */
export function addPassword(to: CredentialHolder, displayName = "secret"): Password {
  const password = {
    keyId: randomUUID(),
    displayName,
    startDateTime: new Date().toISOString(),
    endDateTime: new Date(Date.now() + yearMs).toISOString(),
  };
  to.passwords.push(password);
  return password;
}

export function addFederatedCredential(
  to: Application,
  credential: { issuer: string; subject: string; audiences: string[]; name?: string | undefined },
): FederatedCredential {
  const id = randomUUID();
  const added = { ...credential, id, name: credential.name ?? `federated-${id.slice(0, 8)}` };
  to.federated.push(added);
  return added;
}

/** Returns the same GUID for the same parts, so that object ids survive restarts without being stored. */
export function deterministicGuid(...parts: string[]): string {
  const hex = createHash("sha256").update(parts.join("|")).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
