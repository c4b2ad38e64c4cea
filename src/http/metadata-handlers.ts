import type { HttpHandler, HttpRequest, HttpResponseInit } from "@azure/functions";
import type { KeptMetadata } from "../domain/metadata/kept-metadata.ts";
import type { LastKnownGood } from "../domain/metadata/last-known-good.ts";
import type { CurrentPolicy } from "../domain/policy/current-policy.ts";
import { parseGuid } from "../domain/shared/guid.ts";
import { isMultiTenant, parseMetadataTenant, sourceName } from "../domain/shared/metadata-source.ts";
import { noStore } from "./oauth-response.ts";

export interface MetadataHandlerOptions {
  /** Undefined: there is no such source. */
  find(name: string): Pick<KeptMetadata, "view" | "readable"> | undefined;
  currentPolicy: Pick<CurrentPolicy, "at">;
  clock: () => number;
}

interface Published {
  /** base64. */
  body: string;
  sha256: string;
}

/** Seconds. Only minutes: Entra announces a new key days before its use, but not in an emergency. */
const maxAgeSeconds = 300;
const retryAfterSeconds = 1;

/** `GET /{tenantId}/discovery/v2.0/keys[?appid=]`: the verified keys, each as Entra publishes it (RFC 7517). */
export function keysHandler(options: MetadataHandlerOptions): HttpHandler {
  return handler("application/json", options, "view", ({ jwks }) => jwks);
}

/** `GET /{tenantId}/federationmetadata/2007-06/federationmetadata.xml[?appid=]`: verified, byte for byte. */
export function federationMetadataHandler(options: MetadataHandlerOptions): HttpHandler {
  return handler("application/samlmetadata+xml", options, "readable", ({ federation }) => federation);
}

/**
 * `GET .../idp.xml[?appid=]`: minimal and re-signed, for relying parties with simple parsers; served while it is valid.
 */
export function idpMetadataHandler(options: MetadataHandlerOptions): HttpHandler {
  const published = handler("application/samlmetadata+xml", options, "readable", ({ idp }, nowMs) =>
    idp && idp.validUntilMs > nowMs ? idp : undefined,
  );
  return async (request, invocation) => {
    const tenant = parseMetadataTenant(request.params.tenantId?.toLowerCase());
    return tenant && isMultiTenant(tenant) ? noIdentityProvider : published(request, invocation);
  };
}

const noIdentityProvider = notFound(
  "common, organizations and consumers have no idp.xml: they stand for many tenants, and a SAML identity provider belongs to one. Ask with the tenant's id",
);
const notKept = notFound("no metadata of this tenant and application is kept; the policy lists what is");

function notFound(why: string): HttpResponseInit {
  return { status: 404, headers: noStore, jsonBody: { error: "not_found", error_description: `Keyhold: ${why}` } };
}

/**
 * Without a verified document: 503 without a body. For a source that is not kept: 404. The policy is re-read as for any
 * other request: in the background for a known source; before the answer for a source or publisher that a newer policy
 * may contain.
 */
function handler(
  contentType: string,
  { find, currentPolicy, clock }: MetadataHandlerOptions,
  read: "view" | "readable",
  pick: (known: LastKnownGood, nowMs: number) => Published | undefined,
): HttpHandler {
  return async (request) => {
    const name = sourceNameOf(request);
    if (name === undefined) return notKept;
    const nowMs = clock();
    // Without a policy in force, metadata are still kept.
    const reread = currentPolicy.at(nowMs).catch(() => undefined);
    if (!find(name)) await reread;
    const source = find(name);
    if (!source) return notKept;
    const look = async () => {
      const known = await source[read](nowMs);
      return known && pick(known, nowMs);
    };
    const published = (await look()) ?? (await reread.then(look));
    if (!published)
      return { status: 503, headers: { "Retry-After": `${retryAfterSeconds}`, "Cache-Control": "no-store" } };
    return publishedResponse(request, published, contentType);
  };
}

function sourceNameOf(request: HttpRequest): string | undefined {
  const tenant = parseMetadataTenant(request.params.tenantId?.toLowerCase());
  // In any letter case: a request with `appId` must not get the keys of the tenant.
  const appIds = [...request.query].filter(([name]) => name.toLowerCase() === "appid").map(([, value]) => value);
  if (tenant === undefined || appIds.length > 1) return undefined;
  if (appIds.length === 0) return sourceName({ tenant });
  const appId = parseGuid(appIds[0]);
  return appId && sourceName({ tenant, appId });
}

/** RFC 9110 §8.8.3 (strong ETag), §13.1.2 (If-None-Match). */
function publishedResponse(request: HttpRequest, published: Published, contentType: string): HttpResponseInit {
  const etag = `"${published.sha256}"`;
  const headers = { ETag: etag, "Cache-Control": `public, max-age=${maxAgeSeconds}` };
  const known = request.headers
    .get("if-none-match")
    ?.split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""));
  if (known?.includes(etag) || known?.includes("*")) return { status: 304, headers };
  return {
    status: 200,
    body: Buffer.from(published.body, "base64"),
    headers: { ...headers, "Content-Type": contentType },
  };
}
