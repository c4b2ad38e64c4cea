import { createPublicKey, type KeyObject } from "node:crypto";
import type { TokenCredential } from "@azure/identity";
import { KeyClient, type KeyVaultKey } from "@azure/keyvault-keys";
import { refusedTokenPolicy } from "../../adapters/azure/refused-token.ts";
import { createKeyVaultSigner } from "../../adapters/key-vault/signer.ts";
import type { VaultSigner } from "../../domain/signing/ports.ts";

/** A key version that stays in the vault. */
export interface VaultKey {
  /** Key URL with its version. */
  keyId: string;
  keyType: string;
  publicKey: KeyObject;
}

/** The operations on the vault that `add-certificate` needs, as the operator. */
export interface KeyOwner extends VaultSigner {
  /** The newest version; undefined if there is no such key. */
  read(keyName: string): Promise<VaultKey | undefined>;
  /** Creates a version: RSA, sign only, not exportable. In a hardware module if the vault has one. */
  create(keyName: string, before: VaultKey | undefined): Promise<VaultKey>;
}

const keySize = 2048;

/** The keys of one vault, with the rights of `credential`. Errors are those of the SDK, and a `Fault` from `sign`. */
export function createKeyOwner(vaultUrl: string, credential: TokenCredential): KeyOwner {
  const client = new KeyClient(vaultUrl, credential, {
    retryOptions: { maxRetries: 1 },
    additionalPolicies: [refusedTokenPolicy(credential)],
  });
  const make = (keyName: string, hsm: boolean) =>
    client.createRsaKey(keyName, { keySize, hsm, keyOps: ["sign"], exportable: false });
  return {
    ...createKeyVaultSigner(credential, "command-line"),
    async read(keyName) {
      try {
        return toVaultKey(await client.getKey(keyName));
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    async create(keyName, before) {
      if (before) return toVaultKey(await make(keyName, before.keyType.endsWith("-HSM")));
      try {
        return toVaultKey(await make(keyName, true));
      } catch (error) {
        // A vault of the standard tier has no hardware module.
        if (statusOf(error) !== 400) throw error;
        return toVaultKey(await make(keyName, false));
      }
    },
  };
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
}

function toVaultKey({ id, key, keyType = "" }: KeyVaultKey): VaultKey {
  const { n, e } = key ?? {};
  if (!id || !n || !e || !/^RSA(-HSM)?$/.test(keyType))
    throw new RangeError("the key is not an RSA key with a version");
  const jwk = { kty: "RSA", n: Buffer.from(n).toString("base64url"), e: Buffer.from(e).toString("base64url") };
  return { keyId: id, keyType, publicKey: createPublicKey({ key: jwk, format: "jwk" }) };
}
