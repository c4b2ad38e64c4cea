import type { TokenCredential } from "@azure/identity";
import { CryptographyClient } from "@azure/keyvault-keys";
import type { SignatureAlgorithm, VaultSignature, VaultSigner } from "../../domain/signing/ports.ts";
import { limited } from "../azure/deadline.ts";
import { refusedTokenPolicy } from "../azure/refused-token.ts";
import { vaultAgent } from "./connection.ts";
import { keyVaultFault, type VaultAnswer } from "./fault.ts";
import { keyObjectOf } from "./key-object.ts";
import { observeSending, type Sending } from "./sending.ts";

/** Milliseconds for one request to the vault. A warm signature takes some tens. */
const requestTimeoutMs = 5_000;

/**
 * Signs in Key Vault. One client per key version for the life of the process: each client begins with a challenge
 * (401) before its first signature. It is built from a key object, so the SDK never reads the key (no `KeyGet`), and
 * its own retries are off, after a refused token too: a second signature needs a second intent in the ledger. Requests
 * name `instance`, since an intent without an outcome covers only a signature of its own instance.
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
  /** Whether the client knows the vault's challenge. */
  isChallenged: boolean;
  first?: Promise<VaultSignature>;
}

/**
 * Lets a client's first request go alone. The SDK's challenge policy keeps one state per client: of several first
 * requests at once, one may be sent without its body once another has finished the challenge (seen in
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
    // The vault's log has it as ClientInfo, and the audit looks for it at the beginning.
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

/** The SDK reports the key that was asked for; only the answer itself names the key that signed. */
function keyIdOf(body: string): string {
  const { kid } = JSON.parse(body) as { kid?: unknown };
  return typeof kid === "string" ? kid : "";
}
