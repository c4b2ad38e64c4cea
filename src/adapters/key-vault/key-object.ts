import type { KeyVaultKey } from "@azure/keyvault-keys";

/**
 * A key object for a cryptography client. With it the client never reads the key (no `KeyGet`). It has no key material,
 * so the client leaves every operation to the vault. `keyId`: `https://<vault>/keys/<name>/<version>`.
 */
export function keyObjectOf(keyId: string): KeyVaultKey {
  const { origin, pathname } = new URL(keyId);
  const [, , name, version] = pathname.split("/") as [string, string, string, string];
  return { id: keyId, name, properties: { name, version, vaultUrl: origin } };
}
