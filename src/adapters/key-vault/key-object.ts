import type { KeyVaultKey } from "@azure/keyvault-keys";

/**
 * What a cryptography client is built from, so that it never reads the key (no `KeyGet`), and without material, so that
 * it leaves every operation to the vault. `keyId`: `https://<vault>/keys/<name>/<version>`.
 */
export function keyObjectOf(keyId: string): KeyVaultKey {
  const { origin, pathname } = new URL(keyId);
  const [, , name, version] = pathname.split("/") as [string, string, string, string];
  return { id: keyId, name, properties: { name, version, vaultUrl: origin } };
}
