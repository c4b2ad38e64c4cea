/**
 * Key Vault's answers about a key: the bundle, the list item, and the secret behind a certificate. The secret of an
 * exportable key is the only way for a private key to leave the vault, as in a badly configured real one.
 */
import type { KeyVersion } from "./key-store.ts";

export function keyBundle(key: KeyVersion): object {
  return {
    key: { kid: key.id, kty: key.kty, key_ops: key.keyOps, n: key.publicKey.n, e: key.publicKey.e },
    attributes: attributesOf(key),
    ...managed(key),
  };
}

/** In a list of versions the id of each item has its version; in a list of keys it does not. */
export function keyItem(key: KeyVersion, withVersion: boolean): object {
  const kid = withVersion ? key.id : key.id.slice(0, key.id.lastIndexOf("/"));
  return { kid, attributes: attributesOf(key), ...managed(key) };
}

export function secretBundle(key: KeyVersion): object {
  const certificatePem = key.certificate?.pem ?? "";
  const privatePem = key.exportable ? key.privateKey.export({ type: "pkcs8", format: "pem" }) : "";
  return {
    value: `${privatePem}${certificatePem}`,
    contentType: "application/x-pem-file",
    id: key.id.replace("/keys/", "/secrets/"),
    kid: key.id,
    attributes: attributesOf(key),
    ...managed(key),
  };
}

/** The public properties of a key, for the control interface. */
export function keySummary(key: KeyVersion): object {
  return {
    name: key.name,
    version: key.version,
    keyId: key.id,
    kty: key.kty,
    keySize: key.keySize,
    enabled: key.enabled,
    exportable: key.exportable,
    created: key.created.toISOString(),
    notBefore: key.notBefore?.toISOString(),
    expires: key.expires?.toISOString(),
    certificatePem: key.certificate?.pem,
    x5tS256: key.certificate?.x5tS256,
  };
}

function attributesOf(key: KeyVersion): object {
  return {
    enabled: key.enabled,
    ...(key.notBefore && { nbf: seconds(key.notBefore) }),
    ...(key.expires && { exp: seconds(key.expires) }),
    created: seconds(key.created),
    updated: seconds(key.updated),
    recoveryLevel: "Recoverable",
    recoverableDays: 90,
    exportable: key.exportable,
  };
}

function managed(key: KeyVersion): { managed?: true } {
  return key.certificate ? { managed: true } : {};
}

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
