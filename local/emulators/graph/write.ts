/** Creates and changes applications: `PATCH`, including `create-if-missing`, and `addKey`. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Application, Manifest } from "../entra/application-registry.ts";
import {
  addCertificate,
  listCertificates,
  type RegisteredCertificate,
  type RegisteredCertificates,
  readCertificate,
} from "../entra/registered-certificate.ts";
import type { EntraState } from "../entra/state.ts";
import { badRequest, notFound } from "./error.ts";
import { showKey } from "./objects.ts";
import { checkProof } from "./proof.ts";

const keyCredential = z.looseObject({
  type: z.literal("AsymmetricX509Cert"),
  usage: z.literal("Verify"),
  key: z.base64().nullish(),
  keyId: z.guid().nullish(),
  customKeyIdentifier: z.base64().nullish(),
  displayName: z.string().nullish(),
});
type KeyCredential = z.infer<typeof keyCredential>;

const appRole = z.strictObject({
  ...{ id: z.guid(), value: z.string().min(1), displayName: z.string().min(1), description: z.string().min(1) },
  ...{ isEnabled: z.boolean(), allowedMemberTypes: z.array(z.enum(["Application", "User"])).min(1) },
});
const access = z.strictObject({ id: z.guid(), type: z.enum(["Role", "Scope"]) });
const lock = z.strictObject({
  ...{ isEnabled: z.boolean(), allProperties: z.boolean().nullable().default(null) },
  credentialsWithUsageVerify: z.boolean().nullable().default(null),
  credentialsWithUsageSign: z.boolean().nullable().default(null),
  tokenEncryptionKeyId: z.boolean().nullable().default(null),
});
const patchBody = z
  .strictObject({
    displayName: z.string().min(1).max(256),
    signInAudience: z.enum(["AzureADMyOrg", "AzureADMultipleOrgs"]),
    identifierUris: z.array(z.url()),
    api: z.strictObject({ requestedAccessTokenVersion: z.union([z.literal(1), z.literal(2), z.null()]) }),
    appRoles: z.array(appRole),
    requiredResourceAccess: z.array(z.strictObject({ resourceAppId: z.guid(), resourceAccess: z.array(access) })),
    web: z.strictObject({ redirectUris: z.array(z.url()) }),
    servicePrincipalLockConfiguration: lock.nullable(),
    keyCredentials: z.array(keyCredential),
  })
  .partial();
const addKeyBody = z.strictObject({ keyCredential, passwordCredential: z.null().optional(), proof: z.string() });

/**
 * The values in the request replace the stored ones; collections are replaced as a whole. An entry without a `key` is
 * kept only if its `keyId` is registered.
 */
export function patchApplication(application: Application, body: Buffer): void {
  const { displayName, keyCredentials, servicePrincipalLockConfiguration: locked, ...rest } = parse(patchBody, body);
  const { api, web, ...listed } = rest;
  const manifest: Manifest = { ...application.manifest, ...defined(listed), ...api, ...web };
  assertRemovable(application.manifest, manifest);
  application.manifest = manifest;
  if (displayName !== undefined) application.name = displayName;
  if (locked !== undefined) application.lock = locked;
  if (keyCredentials === undefined) return;
  const existing = listCertificates(application.certificates);
  const replaced: RegisteredCertificates = new Map();
  for (const credential of keyCredentials) {
    const kept = credential.key ? undefined : existing.find(({ keyId }) => keyId === credential.keyId);
    addCertificate(replaced, kept ?? read(credential));
  }
  application.certificates = replaced;
}

/** An enabled role must be disabled before it is deleted (Microsoft Graph, "Delete an app role"). */
function assertRemovable(before: Manifest, after: Manifest): void {
  const lost = before.appRoles.find(({ id, isEnabled }) => isEnabled && !after.appRoles.some((each) => each.id === id));
  if (lost) throw badRequest("Permission cannot be deleted or updated unless disabled first.");
}

/** `PATCH /applications(uniqueName='...')`. Undefined: an application with this name existed and was changed. */
export function upsertApplication(
  { applications }: EntraState,
  uniqueName: string,
  body: Buffer,
  { createsIfMissing, ownerId }: { createsIfMissing: boolean; ownerId: string },
): Application | undefined {
  const found = applications.byUniqueName(uniqueName);
  if (found) return void patchApplication(found, body);
  if (!createsIfMissing) throw notFound(uniqueName);
  const { displayName: name } = parse(patchBody, body);
  if (name === undefined) throw badRequest("Property displayName is required.");
  const clientId = randomUUID();
  applications.register({ clientId, name, objectId: randomUUID() });
  const made = applications.require(clientId);
  // The portal enables the instance lock; Graph does so only if the request asks for it.
  Object.assign(made, { lock: null, manifest: { ...made.manifest, uniqueName, owners: [ownerId] } });
  patchApplication(made, body);
  return made;
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Returns the registered key in the form of the answer. */
export function addKey(application: Application, body: Buffer, nowMs: number): Record<string, unknown> {
  const { keyCredential: credential, proof } = parse(addKeyBody, body);
  checkProof(proof, application, nowMs);
  return showKey(addCertificate(application.certificates, read(credential)), true);
}

function read({ key, keyId, customKeyIdentifier, displayName }: KeyCredential): RegisteredCertificate {
  if (!key) throw badRequest("A key credential needs its key.");
  try {
    return readCertificate(Buffer.from(key, "base64"), {
      ...(keyId ? { keyId } : {}),
      ...(customKeyIdentifier ? { customKeyIdentifier } : {}),
      ...(displayName ? { displayName } : {}),
    });
  } catch {
    throw badRequest("Key credential is not a certificate that can be used.");
  }
}

function parse<T>(schema: z.ZodType<T>, body: Buffer): T {
  try {
    return schema.parse(JSON.parse(body.toString()));
  } catch (error) {
    throw badRequest(error instanceof z.ZodError ? z.prettifyError(error) : "The body must be JSON.");
  }
}
