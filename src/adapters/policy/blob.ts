import type { TokenCredential } from "@azure/identity";
import { BlobClient, RestError } from "@azure/storage-blob";
import type { ReadPolicyText } from "./source.ts";

/** Milliseconds. A request may wait for this reading, so it gives up soon and the policy of before goes on. */
const timeoutMs = 3_000;
const maxBytes = 16_777_216;

/** The policy in blob storage; sent only when its ETag has changed (RFC 9110 §13.1.2). */
export function policyBlob(url: string, credential: TokenCredential): ReadPolicyText {
  const blob = new BlobClient(url, credential, { retryOptions: { maxTries: 1 } });
  return async (etag) => {
    try {
      const response = await blob.download(0, maxBytes, {
        abortSignal: AbortSignal.timeout(timeoutMs),
        ...(etag === undefined ? {} : { conditions: { ifNoneMatch: etag } }),
      });
      const chunks: Buffer[] = [];
      for await (const chunk of response.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      return { etag: response.etag ?? "", text: Buffer.concat(chunks).toString("utf8") };
    } catch (error) {
      if (error instanceof RestError && error.statusCode === 304) return undefined;
      throw error;
    }
  };
}
