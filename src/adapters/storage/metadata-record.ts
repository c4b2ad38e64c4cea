import * as z from "zod";
import type { StoredRecord } from "../../domain/metadata/last-known-good.ts";

/** The shape of a stored metadata record, of either version. The domain verifies its content. */
const milliseconds = z.number().nonnegative();
const documentRecord = z.object({
  body: z.string(),
  etag: z.string().exactOptional(),
  sha256: z.string(),
  fetchedAtMs: milliseconds,
  verifiedAtMs: milliseconds,
  chain: z.array(z.object({ subject: z.string(), fingerprint256: z.string() })),
});
const numbers = z.object({ kid: z.string(), n: z.string(), e: z.string() });
const publishedKey = numbers.extend({ certificate: z.string() });
const times = {
  firstSeenMs: milliseconds,
  lastSeenMs: milliseconds,
  firstUsedMs: milliseconds.exactOptional(),
  withdrawnMs: milliseconds.exactOptional(),
  removedMs: milliseconds.exactOptional(),
};
const idp = z.object({
  body: z.string(),
  sha256: z.string(),
  madeFromSha256: z.string(),
  publisherX5tS256: z.string(),
  validUntilMs: milliseconds,
});
const outcome = z.string().max(100);
const refreshed = z.object({
  ...{ atMs: milliseconds, federation: outcome, discovery: outcome, jwks: outcome },
  requestId: z.string().exactOptional(),
});
const kids = z.array(z.string());
const alarm = z.object({
  event: z.enum(["metadata_discontinuous", "metadata_keys_replaced"]),
  document: z.enum(["federation", "discovery", "jwks"]),
  ...{ added: kids, removed: kids, atMs: milliseconds },
});
const common = { discovery: documentRecord.exactOptional(), idp: idp.exactOptional() };

const storedRecord = z.discriminatedUnion("version", [
  z.object({
    version: z.literal(1),
    federation: documentRecord.exactOptional(),
    jwks: documentRecord.exactOptional(),
    keys: z.array(numbers.extend(times)),
    ...common,
  }),
  z.object({
    version: z.literal(2),
    federation: documentRecord
      .extend({
        signedBy: z.string(),
        keys: z.array(publishedKey),
        former: z.array(publishedKey.extend({ removedMs: milliseconds.exactOptional() })),
      })
      .exactOptional(),
    jwks: documentRecord
      .extend({ keys: z.array(publishedKey.extend({ otherIssuer: z.literal(true).exactOptional() })) })
      .exactOptional(),
    keys: z.array(publishedKey.extend(times)),
    refreshed: refreshed.exactOptional(),
    alarms: z.array(alarm).exactOptional(),
    ...common,
  }),
]);

/**
 * The record; undefined if we did not write it: another version, not JSON, or an entry of another shape. Never throws.
 */
export function parseMetadataRecord(text: string): StoredRecord | undefined {
  try {
    return storedRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
