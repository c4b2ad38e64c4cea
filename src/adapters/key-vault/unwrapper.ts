import type { TokenCredential } from "@azure/identity";
import { CryptographyClient } from "@azure/keyvault-keys";
import { refusedTokenPolicy } from "../azure/refused-token.ts";
import { vaultAgent } from "./connection.ts";
import { keyObjectOf } from "./key-object.ts";

/**
 * Asks the vault to unwrap a key that was wrapped by RSA-OAEP-256 (RFC 7518 §4.3). Built from a key object, so the SDK
 * never reads the key. Rejects with an SDK error, whose text contains the key's URL.
 */
export function createKeyUnwrapper(keyId: string, credential: TokenCredential) {
  const client = new CryptographyClient(keyObjectOf(keyId), credential, {
    agent: vaultAgent,
    retryOptions: { maxRetries: 1 },
    additionalPolicies: [refusedTokenPolicy(credential)],
  });
  return async (wrapped: Uint8Array, abortSignal: AbortSignal): Promise<Uint8Array> => {
    const { result } = await client.unwrapKey("RSA-OAEP-256", wrapped, { abortSignal });
    return result;
  };
}
