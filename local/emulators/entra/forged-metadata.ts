/**
 * An attacker's federation metadata: perfectly well formed, for the right tenant, and correctly signed, but by a key of
 * the attacker's own, with a key set to match. The emulated Entra never serves it; tests put it on the way to the reader.
 */
import { randomUUID } from "node:crypto";
import { issuerOf, jsonWebKey } from "./discovery.ts";
import { signedMetadataDocument } from "./metadata-document.ts";
import { generateSigningKey, type SigningKey } from "./signing-key.ts";

interface ForgeryOptions {
  tenantId: string;
  /** Default: login.microsoftonline.com. */
  authorityHost?: string;
  /** The keys to list, of which the first signs. Default: one new key. */
  keys?: readonly [SigningKey, ...SigningKey[]];
}

interface Forgery {
  document: string;
  jwks: { keys: object[] };
  keys: readonly [SigningKey, ...SigningKey[]];
}

export async function forgeFederationMetadata(options: ForgeryOptions): Promise<Forgery> {
  const { authorityHost = "login.microsoftonline.com", keys = [await generateSigningKey()] as const } = options;
  const tenant = options.tenantId.toLowerCase();
  const content = {
    tenant,
    authorityHost,
    entityId: issuerOf(authorityHost, tenant, 1),
    certificates: keys.map(({ certificate }) => certificate),
  };
  const issuer = issuerOf(authorityHost, tenant, 2);
  return {
    document: signedMetadataDocument(content, randomUUID(), keys[0]),
    jwks: { keys: keys.map((key) => jsonWebKey(key, issuer)) },
    keys,
  };
}
