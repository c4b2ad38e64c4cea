/** Applications and service principals as Graph shows them. Only properties that concern credentials are there. */
import type { Application, CredentialHolder } from "../entra/application-registry.ts";
import { listCertificates, type RegisteredCertificate } from "../entra/registered-certificate.ts";
import { badRequest } from "./error.ts";

/** `key` is returned on `$select` for a single object, and null otherwise. */
export interface Shown {
  select: readonly string[] | undefined;
  isSingle: boolean;
}

export function showApplication(application: Application, shown: Shown): Record<string, unknown> {
  const { objectId: id, clientId: appId, name: displayName, lock } = application;
  const all = { id, appId, displayName, ...credentials(application, shown), servicePrincipalLockConfiguration: lock };
  return pick(all, "application", shown);
}

export function showServicePrincipal(
  application: Application,
  { id, homeTenantId }: { id: string; homeTenantId: string },
  shown: Shown,
): Record<string, unknown> {
  const { clientId: appId, name: displayName, servicePrincipal, ownerTenantId } = application;
  const names = { appId, appDisplayName: displayName, displayName };
  const appOwnerOrganizationId = ownerTenantId ?? homeTenantId;
  const all = { id, ...names, appOwnerOrganizationId, ...credentials(servicePrincipal, shown) };
  return pick(all, "servicePrincipal", shown);
}

export function parseSelect(text: string | null): string[] | undefined {
  return text === null ? undefined : text.split(",").map((name) => name.trim());
}

export function showKey(certificate: RegisteredCertificate, withKey: boolean): Record<string, unknown> {
  const { keyId, customKeyIdentifier, displayName, der, notBefore, notAfter } = certificate;
  return {
    customKeyIdentifier,
    displayName,
    keyId,
    type: "AsymmetricX509Cert",
    usage: "Verify",
    startDateTime: new Date(notBefore).toISOString(),
    endDateTime: new Date(notAfter).toISOString(),
    key: withKey ? der.toString("base64") : null,
  };
}

function credentials({ certificates, passwords }: CredentialHolder, { select, isSingle }: Shown) {
  const withKey = isSingle && select?.includes("keyCredentials") === true;
  return {
    keyCredentials: listCertificates(certificates).map((certificate) => showKey(certificate, withKey)),
    passwordCredentials: passwords.map((password) => ({
      ...password,
      customKeyIdentifier: null,
      hint: null,
      secretText: null,
    })),
  };
}

function pick(all: Record<string, unknown>, type: string, { select }: Shown): Record<string, unknown> {
  if (select === undefined) return all;
  const unknown = select.find((name) => !Object.hasOwn(all, name));
  if (unknown !== undefined) {
    throw badRequest(`Could not find a property named '${unknown}' on type 'microsoft.graph.${type}' (emulated part).`);
  }
  return Object.fromEntries(select.map((name) => [name, all[name]]));
}
