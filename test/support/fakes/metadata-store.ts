import { parseMetadataRecord } from "../../../src/adapters/storage/metadata-record.ts";
import type { MetadataStore } from "../../../src/domain/metadata/ports.ts";

export interface FakeMetadataStore extends MetadataStore {
  /** While true, storage does not answer. */
  isDown: boolean;
  /** The stored blobs, as text, so that nothing is shared with the writer. */
  blobs: Map<string, { text: string; etag: string }>;
  writes: number;
}

/** Blob storage with ETags, as `createMetadataStore` uses it. */
export function createFakeMetadataStore(): FakeMetadataStore {
  const store = {
    isDown: false,
    blobs: new Map<string, { text: string; etag: string }>(),
    writes: 0,
    async read(source) {
      if (store.isDown) throw new Error("storage is down");
      const blob = store.blobs.get(source);
      return blob && { record: parseMetadataRecord(blob.text), etag: blob.etag };
    },
    async write(source, value, etag) {
      if (store.isDown) throw new Error("storage is down");
      if (store.blobs.get(source)?.etag !== etag) return "conflict";
      store.writes += 1;
      store.blobs.set(source, { text: JSON.stringify(value), etag: `"${store.writes}"` });
      return "written";
    },
  } satisfies FakeMetadataStore as FakeMetadataStore;
  return store;
}
