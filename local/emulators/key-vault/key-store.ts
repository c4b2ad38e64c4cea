/**
 * The keys inside the emulated vault: created here, or restored from the saved state of the local stack. No request can
 * read private keys; `privateKey` is an opaque KeyObject that JSON does not show.
 */
import { KeyObject, randomBytes } from "node:crypto";
import {
  type CertificateOptions,
  generateRsaKey,
  type IssuedCertificate,
  type KeySize,
  selfSign,
} from "./self-signed-certificate.ts";

export interface KeyVersion {
  name: string;
  version: string;
  /** The full URL with version, under the vault's production name. */
  id: string;
  kty: "RSA" | "RSA-HSM";
  keySize: KeySize;
  keyOps: string[];
  enabled: boolean;
  exportable: boolean;
  notBefore?: Date;
  expires?: Date;
  created: Date;
  updated: Date;
  publicKey: { n: string; e: string };
  privateKey: KeyObject;
  /** Present if the key belongs to a certificate. Then there is also a secret of the same name. */
  certificate?: IssuedCertificate;
}

export interface NewKey {
  name: string;
  keySize: KeySize;
  kty: "RSA" | "RSA-HSM";
  keyOps: string[];
  exportable: boolean;
  enabled: boolean;
  notBefore?: Date;
  expires?: Date;
  certificate?: CertificateOptions;
}

export interface KeyStore {
  create(key: NewKey): Promise<KeyVersion>;
  /** Without a version: the newest version. */
  find(name: string, version?: string): KeyVersion | undefined;
  /** Oldest first. Without a name: the versions of all keys. */
  versions(name?: string): KeyVersion[];
  /** Removes all versions. */
  remove(name: string): void;
}

export function createKeyStore(vaultHost: string, restored: readonly KeyVersion[] = []): KeyStore {
  let all = [...restored];
  const versions = (name?: string) => all.filter((key) => name === undefined || isSameName(key.name, name));
  return {
    versions,
    find: (name, version) => versions(name).findLast((key) => version === undefined || key.version === version),
    remove(name) {
      all = all.filter((key) => !isSameName(key.name, name));
    },
    async create(wanted) {
      const made = await makeKey(vaultHost, wanted);
      all.push(made);
      return made;
    },
  };
}

/** Object names in Key Vault are case-insensitive. */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

async function makeKey(vaultHost: string, wanted: NewKey): Promise<KeyVersion> {
  const { certificate: wantedCertificate, ...attributes } = wanted;
  const keys = await generateRsaKey(wanted.keySize);
  const certificate = wantedCertificate && (await selfSign(keys, wantedCertificate));
  const { n = "", e = "" } = KeyObject.from(keys.publicKey).export({ format: "jwk" });
  const version = randomBytes(16).toString("hex");
  const now = new Date();
  return {
    ...attributes,
    version,
    id: `https://${vaultHost}/keys/${wanted.name}/${version}`,
    created: now,
    updated: now,
    publicKey: { n, e },
    privateKey: KeyObject.from(keys.privateKey),
    ...(certificate && { certificate, notBefore: certificate.notBefore, expires: certificate.notAfter }),
  };
}
