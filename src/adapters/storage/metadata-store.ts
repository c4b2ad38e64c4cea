import type { TokenCredential } from "@azure/identity";
import { ContainerClient, RestError } from "@azure/storage-blob";
import type { LastKnownGood } from "../../domain/metadata/last-known-good.ts";
import type { MetadataStore } from "../../domain/metadata/ports.ts";

/** Milliseconds. */
const timeoutMs = 5_000;
const maxBytes = 16_777_216;

/**
 * Last-known-good metadata in blob storage, one blob a source. A write replaces the whole blob and only the one that was
 * read (If-Match, RFC 9110 §13.1.1), so two instances that refresh at once cannot tear or mix it.
 */
export function createMetadataStore(containerUrl: string, credential: TokenCredential): MetadataStore {
  const container = new ContainerClient(containerUrl, credential, {
    retryOptions: { maxTries: 2, tryTimeoutInMs: timeoutMs },
  });
  const blobOf = (source: string) => container.getBlockBlobClient(`${source}.json`);
  return {
    async read(source) {
      try {
        const response = await blobOf(source).download(0, maxBytes, {
          abortSignal: AbortSignal.timeout(2 * timeoutMs),
        });
        const chunks: Buffer[] = [];
        for await (const chunk of response.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
        const value = JSON.parse(Buffer.concat(chunks).toString("utf8")) as LastKnownGood;
        // Anything else was not written by us: it is neither used nor overwritten.
        if (value.version !== 1 || !Array.isArray(value.keys)) throw new RangeError("not a metadata record");
        return { value, etag: response.etag ?? "" };
      } catch (error) {
        if (error instanceof RestError && error.statusCode === 404) return undefined;
        throw error;
      }
    },
    async write(source, value, etag) {
      const text = JSON.stringify(value);
      try {
        await blobOf(source).upload(text, Buffer.byteLength(text), {
          abortSignal: AbortSignal.timeout(2 * timeoutMs),
          conditions: etag === undefined ? { ifNoneMatch: "*" } : { ifMatch: etag },
          blobHTTPHeaders: { blobContentType: "application/json" },
        });
        return "written";
      } catch (error) {
        if (error instanceof RestError && (error.statusCode === 412 || error.statusCode === 409)) return "conflict";
        throw error;
      }
    },
  };
}
