import * as z from "zod";
import type { ReadRefreshRequests, RefreshRequestsDocument } from "../../domain/metadata/refresh-requests.ts";
import { parseGuid } from "../../domain/shared/guid.ts";
import { isAbsent, type ReadText } from "./place.ts";

/** The shape of the requests beside the policy. Only `keyhold metadata refresh` writes it. */
const requests = z.strictObject({
  version: z.literal(1),
  requests: z
    .array(
      z.strictObject({
        source: z.string().max(100),
        id: z.custom<string>((id) => parseGuid(id) !== undefined),
        by: z.string().max(200),
        at: z.iso.datetime(),
      }),
    )
    .max(10_000),
});

/** The document; undefined if the text is not valid. */
export function parseRefreshRequests(text: string): RefreshRequestsDocument | undefined {
  try {
    return requests.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The document as it is written, indented, so that people can read it. */
export function refreshRequestsText(document: RefreshRequestsDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Reads the requests; parses them again only if they have changed. */
export function createRefreshRequests(readText: ReadText): ReadRefreshRequests {
  let known: { etag: string; document: RefreshRequestsDocument | undefined } | undefined;
  return async () => {
    try {
      const file = await readText(known?.etag);
      if (file) known = { etag: file.etag, document: parseRefreshRequests(file.text) };
    } catch (error) {
      if (!isAbsent(error)) throw error;
      known = undefined;
    }
    return known?.document?.requests ?? [];
  };
}
