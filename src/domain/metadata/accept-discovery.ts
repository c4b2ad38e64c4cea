import type { Cloud } from "../shared/cloud.ts";
import { expectedIssuer, type MetadataSource } from "../shared/metadata-source.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import type { MetadataRefusal } from "./refusal.ts";

/**
 * Checks a discovery document (OpenID Connect Discovery §3). Keyhold fetches keys from a constant URL and not from
 * where a document points; what is checked here is that the document still says what we rely on.
 */
export function acceptDiscovery(
  body: Uint8Array,
  source: MetadataSource,
  cloud: Cloud,
): Result<undefined, MetadataRefusal> {
  const document = parseJsonObject(body);
  if (!document) return refuse({ reason: "discovery_not_readable" });
  if (document.issuer !== expectedIssuer(cloud, source)) return refuse({ reason: "discovery_issuer_mismatch" });
  for (const member of ["jwks_uri", "token_endpoint", "authorization_endpoint"]) {
    const value = document[member];
    const url = typeof value === "string" ? URL.parse(value) : undefined;
    if (url?.origin !== `https://${cloud.authorityHost}`) {
      return refuse({ reason: "discovery_endpoint_elsewhere", member });
    }
  }
  return ok(undefined);
}

/** Undefined where the bytes are not UTF-8, not JSON, or not an object. */
export function parseJsonObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
