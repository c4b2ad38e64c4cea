import type { TokenCredential } from "@azure/identity";
import { CryptographyClient } from "@azure/keyvault-keys";
import type { SignatureAlgorithm, VaultSignature, VaultSigner } from "../../domain/signing/ports.ts";
import { limited } from "../azure/deadline.ts";
import { refusedTokenPolicy } from "../azure/refused-token.ts";
import { vaultAgent } from "./connection.ts";
import { keyVaultFault, type VaultAnswer } from "./fault.ts";
import { keyObjectOf } from "./key-object.ts";
import { observeSending, type Sending } from "./sending.ts";

/** Milliseconds for one request to the vault. A warm signature takes a few tens. */
const requestTimeoutMs = 5_000;

/**
 * Signs in Key Vault. There is one client per key version for the life of the process, because each client gets a
 * challenge (401) before its first signature. It is built from a key object, so the SDK never reads the key (no
 * `KeyGet`). The SDK's retries are off, also after a refused token: a second signature needs a second intent in the
 * ledger. Requests name `instance`, because an intent without an outcome covers only a signature of its own instance.
 */
export function createKeyVaultSigner(credential: TokenCredential, instance: string): VaultSigner {
  const keys = new Map<string, VaultKey>();
  return {
    async sign({ keyId, algorithm, digest, signal }) {
      let key = keys.get(keyId);
      if (!key) {
        key = { client: createClient(keyId, credential, instance), isChallenged: false };
        keys.set(keyId, key);
      }
      const ofVersion = key;
      const sign = (abortSignal: AbortSignal) =>
        afterChallenge(ofVersion, (client) =>
          observeSending(new URL(keyId).hostname, (sending) =>
            requestSignature(client, algorithm, digest, abortSignal, sending),
          ),
        );
      return limited(requestTimeoutMs, sign, signal);
    },
  };
}

interface VaultKey {
  client: CryptographyClient;
  /** Whether the client has already received the vault's challenge. */
  isChallenged: boolean;
  first?: Promise<VaultSignature>;
}

/**
 * Sends a client's first request alone. The SDK's challenge policy keeps one state per client: with several first
 * requests at once, one may be sent without its body after another has finished the challenge (seen in
 * @azure/keyvault-common 2.1).
 */
async function afterChallenge(
  key: VaultKey,
  request: (client: CryptographyClient) => Promise<VaultSignature>,
): Promise<VaultSignature> {
  while (!key.isChallenged && key.first) await key.first.catch(() => undefined);
  const first = request(key.client);
  key.first = first;
  try {
    const signature = await first;
    key.isChallenged = true;
    return signature;
  } finally {
    delete key.first;
  }
}

function createClient(keyId: string, credential: TokenCredential, instance: string): CryptographyClient {
  return new CryptographyClient(keyObjectOf(keyId), credential, {
    agent: vaultAgent,
    retryOptions: { maxRetries: 0 },
    additionalPolicies: [refusedTokenPolicy(credential, "fail")],
    // The vault logs this as ClientInfo; the audit expects it at the beginning.
    userAgentOptions: { userAgentPrefix: `keyhold/${instance}` },
  });
}

async function requestSignature(
  client: CryptographyClient,
  algorithm: SignatureAlgorithm,
  digest: Uint8Array,
  abortSignal: AbortSignal,
  sending: Sending,
): Promise<VaultSignature> {
  let answer: VaultAnswer | undefined;
  try {
    const { result } = await client.sign(algorithm, digest, {
      abortSignal,
      onResponse({ status, headers, bodyAsText }) {
        const requestId = headers.get("x-ms-request-id") ?? "";
        answer = { status, requestId, retryAfter: headers.get("retry-after"), body: String(bodyAsText) };
      },
    });
    // The SDK calls `onResponse` before it returns.
    const { body, requestId } = answer as unknown as VaultAnswer;
    return { signature: result, keyId: keyIdOf(body), requestId };
  } catch (error) {
    throw keyVaultFault(error, answer, Date.now(), sending.wasSent);
  }
}

/** The `kid` of the answer. The SDK returns the requested key; only the answer names the key that signed. */
function keyIdOf(body: string): string {
  const { kid } = JSON.parse(body) as { kid?: unknown };
  return typeof kid === "string" ? kid : "";
}
