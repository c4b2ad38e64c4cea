/**
 * The operations of the data plane, after the caller was authenticated and authorized. Not emulated: recovery of
 * deleted objects, import, rotation policies, encryption, and key release to attested environments.
 */
import { createPublicKey, privateDecrypt, publicEncrypt, randomBytes } from "node:crypto";
import type { RequestTrace } from "./audit-log.ts";
import { badParameter, forbiddenObject, objectNotFound } from "./error-answers.ts";
import type { KeyStore, KeyVersion } from "./key-store.ts";
import { keyBundle, keyItem, secretBundle } from "./object-answers.ts";
import { parseKeyCreate, parseKeyUpdate, parseOperation } from "./request-bodies.ts";
import { signatureAlgorithms, signDigest } from "./rsa-digest-signature.ts";

export interface Call {
  name: string | undefined;
  version: string | undefined;
  body: Buffer;
  trace: RequestTrace;
}

export function listKeys(store: KeyStore) {
  const newestOfEach = new Map(store.versions().map((key) => [key.name.toLowerCase(), key]));
  return { value: [...newestOfEach.values()].map((key) => keyItem(key, false)), nextLink: null };
}

export function listVersions(store: KeyStore, { name }: Call) {
  return { value: store.versions(name).map((key) => keyItem(key, true)), nextLink: null };
}

export async function createKey(store: KeyStore, call: Call) {
  const made = await store.create({ name: call.name ?? "", ...parseKeyCreate(call.body) });
  call.trace.objectId = made.id;
  return keyBundle(made);
}

export function getKey(store: KeyStore, call: Call) {
  return keyBundle(findKey(store, call));
}

export function updateKey(store: KeyStore, call: Call) {
  const changes = parseKeyUpdate(call.body);
  const key = findKey(store, call);
  Object.assign(key, changes, { updated: new Date() });
  return keyBundle(key);
}

export function sign(store: KeyStore, call: Call) {
  const { alg, value } = parseOperation(call.body);
  const algorithm = signatureAlgorithms.get(alg);
  if (algorithm) call.trace.algorithm = alg;
  const key = findKey(store, call);
  assertUsable(key, "sign");
  if (!algorithm) throw badParameter(`Key and signing algorithm are incompatible. Key type: ${key.kty}.`);
  if (value.length !== algorithm.digestBytes) {
    const length = `Invalid length of 'value': ${value.length} bytes.`;
    throw badParameter(`${length} ${alg} requires ${algorithm.digestBytes} bytes, encoded with base64url.`);
  }
  return { kid: key.id, value: signDigest(key.privateKey, algorithm, value).toString("base64url") };
}

/** Hashes of the OAEP algorithms of RSA keys, by their names in JOSE (RFC 7518 §4.3). */
const oaepHashes = new Map([
  ["RSA-OAEP", "sha1"],
  ["RSA-OAEP-256", "sha256"],
]);

export function wrapKey(store: KeyStore, call: Call) {
  const { key, value, oaepHash } = wrapping(store, call, "wrapKey");
  return {
    kid: key.id,
    value: publicEncrypt({ key: createPublicKey(key.privateKey), oaepHash }, value).toString("base64url"),
  };
}

export function unwrapKey(store: KeyStore, call: Call) {
  const { key, value, oaepHash } = wrapping(store, call, "unwrapKey");
  try {
    return { kid: key.id, value: privateDecrypt({ key: key.privateKey, oaepHash }, value).toString("base64url") };
  } catch {
    throw badParameter("The parameter is incorrect.");
  }
}

function wrapping(store: KeyStore, call: Call, operation: "wrapKey" | "unwrapKey") {
  const { alg, value } = parseOperation(call.body);
  const oaepHash = oaepHashes.get(alg);
  if (oaepHash) call.trace.algorithm = alg;
  const key = findKey(store, call);
  assertUsable(key, operation);
  if (!oaepHash) throw badParameter(`Key and encryption algorithm are incompatible. Key type: ${key.kty}.`);
  return { key, value, oaepHash };
}

/**
 * The real blob is the key encrypted under a key of the vault's region. The emulator cannot restore, so it returns
 * random bytes.
 */
export function backupKey(store: KeyStore, call: Call) {
  findKey(store, call);
  return { value: randomBytes(1024).toString("base64url") };
}

export function refuseRelease(store: KeyStore, call: Call): object {
  const key = findKey(store, call);
  if (!key.exportable) throw forbiddenObject("The key is not exportable.", "KeyNotExportable");
  throw badParameter("The key has no release policy.");
}

/** Only shows whether the caller has the permission: all keys are created here, and none can be imported. */
export function refuseImport(): object {
  throw badParameter("Property key is required.");
}

/** Deletes every version permanently: the emulator has no soft delete. */
export function deleteKey(store: KeyStore, call: Call) {
  const key = findKey(store, { ...call, version: undefined });
  store.remove(key.name);
  return { ...keyBundle(key), recoveryId: "", deletedDate: Math.floor(Date.now() / 1000) };
}

export function getSecret(store: KeyStore, call: Call) {
  const key = store.find(call.name ?? "", call.version);
  if (!key?.certificate) throw objectNotFound("Secret", namedIn(call));
  call.trace.objectId = key.id.replace("/keys/", "/secrets/");
  if (!key.enabled) throw forbiddenObject("Operation get is not allowed on a disabled secret.", "SecretDisabled");
  return secretBundle(key);
}

function findKey(store: KeyStore, call: Call): KeyVersion {
  const key = store.find(call.name ?? "", call.version);
  if (!key) throw objectNotFound("Key", namedIn(call));
  call.trace.objectId = key.id;
  return key;
}

function namedIn({ name, version }: Call): string {
  return version === undefined ? `${name}` : `${name}/${version}`;
}

/** The checks that make a disabled key version unusable, enforced by the vault itself. */
function assertUsable(key: KeyVersion, operation: string): void {
  if (!key.enabled) throw forbiddenObject(`Operation ${operation} is not allowed on a disabled key.`, "KeyDisabled");
  if (!key.keyOps.includes(operation)) {
    throw forbiddenObject(`Operation ${operation} is not permitted on this key.`, "KeyOperationForbidden");
  }
  const now = Date.now();
  if (key.notBefore && now < key.notBefore.getTime()) {
    throw forbiddenObject(`Operation ${operation} is not allowed on a key that is not yet valid.`, "KeyNotYetValid");
  }
  if (key.expires && now >= key.expires.getTime()) {
    throw forbiddenObject(`Operation ${operation} is not allowed on an expired key.`, "KeyExpired");
  }
}
