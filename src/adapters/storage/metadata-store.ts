import type { TokenCredential } from "@azure/identity";
import { RestError } from "@azure/storage-blob";
import type { LastKnownGood } from "../../domain/metadata/last-known-good.ts";
import type { MetadataStore } from "../../domain/metadata/ports.ts";
import { openContainer, patience } from "./clients.ts";

/**
 * Last-known-good metadata in blob storage, one blob a source. A write replaces the whole blob and only the one that was
 * read, so two instances that refresh at once cannot tear or mix it.
 */
export function createMetadataStore(containerUrl: string, credential: TokenCredential): MetadataStore {
  const blobNamed = openContainer(containerUrl, credential, patience.refresh);
  const blobOf = (source: string) => blobNamed(`${source}.json`);
  return {
    async read(source) {
      try {
        const blob = await blobOf(source).read();
        if (blob === undefined) return undefined;
        const value = JSON.parse(blob.text) as LastKnownGood;
        // Anything else was not written by us: it is neither used nor overwritten.
        if (value.version !== 1 || !Array.isArray(value.keys)) throw new RangeError("not a metadata record");
        return { value, etag: blob.etag };
      } catch (error) {
        if (error instanceof RestError && error.statusCode === 404) return undefined;
        throw error;
      }
    },
    write: (source, value, etag) => blobOf(source).write(JSON.stringify(value), etag),
  };
}
