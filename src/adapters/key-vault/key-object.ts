import type { KeyVaultKey } from "@azure/keyvault-keys";

/** What a cryptography client is built from, so that it never reads the key (no `KeyGet`). `keyId` is versioned. */
export function keyObjectOf(keyId: string, operation: "sign" | "unwrapKey"): KeyVaultKey {
  const { origin, pathname } = new URL(keyId);
  const [, , name = "", version = ""] = pathname.split("/");
  return {
    id: keyId,
    name,
    keyType: "RSA-HSM",
    keyOperations: [operation],
    key: { kid: keyId, kty: "RSA-HSM", keyOps: [operation] },
    properties: { id: keyId, name, version, vaultUrl: origin },
  };
}
