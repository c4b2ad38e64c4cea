import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { MetadataStore } from "../../domain/metadata/ports.ts";
import { openContainer, patience } from "./clients.ts";
import { parseMetadataRecord } from "./metadata-record.ts";

/**
 * Last-known-good metadata in blob storage, one blob per source. A write replaces the whole blob, and only the version
 * that was read, so two instances that refresh at once cannot corrupt it.
 */
export function createMetadataStore(containerUrl: string, credential: TokenCredential): MetadataStore {
  const blobNamed = openContainer(containerUrl, credential, patience.refresh);
  const blobOf = (source: string) => blobNamed(`${source}.json`);
  return {
    async read(source) {
      try {
        const blob = await blobOf(source).read();
        return blob && { record: parseMetadataRecord(blob.text), etag: blob.etag };
      } catch (error) {
        if (error instanceof RestError && error.statusCode === 404) return undefined;
        throw error;
      }
    },
    write: (source, value, etag) => blobOf(source).write(JSON.stringify(value), etag),
  };
}
