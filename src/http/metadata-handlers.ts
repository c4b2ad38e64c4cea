import type { HttpHandler, HttpRequest, HttpResponseInit } from "@azure/functions";
import type { LastKnownGood } from "../domain/metadata/last-known-good.ts";
import { parseGuid } from "../domain/shared/guid.ts";
import { parseMetadataTenant, sourceName } from "../domain/shared/metadata-source.ts";

export interface MetadataHandlerOptions {
  /** Undefined: no such source is kept. */
  find(name: string): { view(nowMs: number): Promise<LastKnownGood | undefined> } | undefined;
  clock: () => number;
}

interface Published {
  /** base64. */
  body: string;
  sha256: string;
}

/** Seconds. A new key is announced days before it is used, an emergency is not: so minutes. */
const maxAgeSeconds = 300;
const retryAfterSeconds = 1;

/** `GET /{tenantId}/discovery/v2.0/keys[?appid=]`: the verified keys, each as Entra publishes it (RFC 7517). */
export function keysHandler(options: MetadataHandlerOptions): HttpHandler {
  return handler("application/json", options, ({ jwks }) => jwks);
}

/** `GET /{tenantId}/federationmetadata/2007-06/federationmetadata.xml[?appid=]`: verified, byte for byte. */
export function federationMetadataHandler(options: MetadataHandlerOptions): HttpHandler {
  return handler("application/samlmetadata+xml", options, ({ federation }) => federation);
}

/** `GET .../idp.xml[?appid=]`: minimal and re-signed, for relying parties that read little; while it holds. */
export function idpMetadataHandler(options: MetadataHandlerOptions): HttpHandler {
  return handler("application/samlmetadata+xml", options, ({ idp }, nowMs) =>
    idp && idp.validUntilMs > nowMs ? idp : undefined,
  );
}

/** What is not verified is not sent: 503 without a body. What is not kept is 404. */
function handler(
  contentType: string,
  { find, clock }: MetadataHandlerOptions,
  pick: (known: LastKnownGood, nowMs: number) => Published | undefined,
): HttpHandler {
  return async (request) => {
    const name = sourceNameOf(request);
    const source = name === undefined ? undefined : find(name);
    if (!source) return { status: 404 };
    const nowMs = clock();
    const known = await source.view(nowMs);
    const published = known ? pick(known, nowMs) : undefined;
    if (!published)
      return { status: 503, headers: { "Retry-After": `${retryAfterSeconds}`, "Cache-Control": "no-store" } };
    return publishedResponse(request, published, contentType);
  };
}

function sourceNameOf(request: HttpRequest): string | undefined {
  const tenant = parseMetadataTenant(request.params.tenantId?.toLowerCase());
  const appIdText = request.query.get("appid");
  const appId = appIdText === null ? undefined : parseGuid(appIdText);
  if (tenant === undefined || (appIdText !== null && appId === undefined)) return undefined;
  return sourceName({ tenant, ...(appId === undefined ? {} : { appId }) });
}

/** RFC 9110 §8.8.3 (strong ETag), §13.1.2 (If-None-Match). */
function publishedResponse(request: HttpRequest, published: Published, contentType: string): HttpResponseInit {
  const etag = `"${published.sha256}"`;
  const headers = { ETag: etag, "Cache-Control": `public, max-age=${maxAgeSeconds}` };
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*")) return { status: 304, headers };
  return {
    status: 200,
    body: Buffer.from(published.body, "base64"),
    headers: { ...headers, "Content-Type": contentType },
  };
}
