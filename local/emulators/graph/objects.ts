/**
 * Applications and service principals as Graph shows them, with only the properties that Keyhold and its operators
 * need.
 */
import type { Application, CredentialHolder } from "../entra/application-registry.ts";
import { listCertificates, type RegisteredCertificate } from "../entra/registered-certificate.ts";
import { badRequest } from "./error.ts";
import type { ServicePrincipal } from "./service-principals.ts";

/** `key` is returned on `$select` for a single object, and null otherwise. */
export interface Shown {
  select: readonly string[] | undefined;
  isSingle: boolean;
}

/** The tenant of Microsoft's own applications. */
const microsoftTenantId = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";

export function showApplication(application: Application, shown: Shown): Record<string, unknown> {
  const { objectId: id, clientId: appId, name: displayName, createdAt: createdDateTime, lock } = application;
  const { requestedAccessTokenVersion, redirectUris, owners: _, ...manifest } = application.manifest;
  const all = {
    ...{ id, appId, displayName, createdDateTime, ...credentials(application, shown), ...manifest },
    ...{ api: { requestedAccessTokenVersion }, web: { redirectUris } },
    servicePrincipalLockConfiguration: lock,
  };
  return pick(all, "application", shown);
}

export function showServicePrincipal(
  { id, appId, displayName, appRoles, application, identity }: ServicePrincipal,
  homeTenantId: string,
  shown: Shown,
): Record<string, unknown> {
  const all = {
    ...{ id, appId, displayName, appDisplayName: displayName, appRoles },
    servicePrincipalType: identity ? "ManagedIdentity" : "Application",
    appOwnerOrganizationId: ownerOf(application, homeTenantId),
    ...credentials(application?.servicePrincipal ?? { certificates: new Map(), passwords: [] }, shown),
  };
  return pick(all, "servicePrincipal", shown);
}

/** The tenant that registered the application. Unregistered applications belong to Microsoft. */
function ownerOf(application: Application | undefined, homeTenantId: string): string {
  return application ? (application.ownerTenantId ?? homeTenantId) : microsoftTenantId;
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
