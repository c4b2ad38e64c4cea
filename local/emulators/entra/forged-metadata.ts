/**
 * An attacker's federation metadata: well-formed, for the right tenant, and correctly signed, but by the attacker's own
 * key, with a matching key set. The emulated Entra never serves it; tests insert it between Entra and the reader.
 */
import { randomUUID } from "node:crypto";
import { issuerOf, jsonWebKey } from "./discovery.ts";
import { signedMetadataDocument } from "./metadata-document.ts";
import { generateSigningKey, type SigningKey } from "./signing-key.ts";

interface ForgeryOptions {
  tenantId: string;
  /** Default: login.microsoftonline.com. */
  authorityHost?: string;
  /** The keys to list. The first one signs. Default: one new key. */
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
