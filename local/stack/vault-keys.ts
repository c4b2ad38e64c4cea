/** The keys in the stack's vault: those of the policy, and the one that wraps the key of the shared tokens. */
import { publicEncrypt, randomBytes } from "node:crypto";
import { type CreatedKey, describeKey, type KeyVaultEmulator } from "../emulators/key-vault/emulator.ts";
import * as world from "./world.ts";

/** The oldest version, which the policy of a new stack names. */
export async function keyOf(keyVault: KeyVaultEmulator, name: string, subject: string): Promise<CreatedKey> {
  const existing = keyVault.keys().find((key) => key.name === name);
  return existing ? describeKey(existing) : keyVault.createKey(name, { subject });
}

/**
 * Creates the wrapping key and a root key that is kept only in wrapped form, and returns the settings that name both.
 */
export async function createSharedCache(keyVault: KeyVaultEmulator): Promise<Record<string, string>> {
  const keyOps = ["wrapKey", "unwrapKey"];
  const { keyId, certificatePem } = await keyVault.createKey(world.sharedCacheKeyName, { keyOps });
  const wrapped = publicEncrypt({ key: certificatePem, oaepHash: "sha256" }, randomBytes(32));
  return {
    KEYHOLD_SHARED_CACHE_TABLE_URL: `https://${world.storageAccount}.table.core.windows.net/${world.sharedTokensTable}`,
    KEYHOLD_SHARED_CACHE_KEY_ID: keyId,
    KEYHOLD_SHARED_CACHE_WRAPPED_KEY: wrapped.toString("base64url"),
    KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: world.identities.sharedCache.clientId,
  };
}
