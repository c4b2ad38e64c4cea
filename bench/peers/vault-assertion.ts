import { ManagedIdentityCredential } from "@azure/identity";
import * as world from "../../local/stack/world.ts";
import { createKeyVaultSigner } from "../../src/adapters/key-vault/signer.ts";
import { clouds } from "../../src/domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../../src/domain/shared/guid.ts";
import { parseSigningCertificate } from "../../src/domain/signing/certificate.ts";
import { buildClientAssertion } from "../../src/domain/signing/client-assertion.ts";

export interface VaultKey {
  keyId: string;
  certificatePem: string;
}

/**
 * What users of the libraries write by hand: an assertion that the vault signs, created again for each call. It is
 * Keyhold's own code, so that the libraries differ from Keyhold only in when they call it.
 */
export function createVaultAssertion(key: VaultKey): (tenantId: string) => Promise<string> {
  const certificate = parseSigningCertificate(key.keyId, key.certificatePem, clouds.public);
  if (Array.isArray(certificate)) throw new Error(certificate.join());
  const { sign } = createKeyVaultSigner(
    new ManagedIdentityCredential({ clientId: world.identities.signing.clientId }),
    "bench",
  );
  return async (tenantId) => {
    const { algorithm, bytes, signingInput } = buildClientAssertion(certificate, {
      cloud: clouds.public,
      clientId: parseGuid(world.client.clientId) as Guid,
      tenantId: parseGuid(tenantId) as Guid,
      nowSeconds: Math.floor(Date.now() / 1000),
    });
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", Buffer.from(bytes)));
    const signal = AbortSignal.timeout(20_000);
    const { signature } = await sign({ keyId: certificate.keyId, algorithm, digest, signal });
    return `${signingInput}.${Buffer.from(signature).toString("base64url")}`;
  };
}
