import * as z from "zod";
import type { ReadRefreshRequests, RefreshRequestsDocument } from "../../domain/metadata/refresh-requests.ts";
import { parseGuid } from "../../domain/shared/guid.ts";
import { isAbsent, type ReadText } from "./place.ts";

/** The shape of the requests beside the policy. `keyhold metadata refresh` alone writes it. */
const requests = z.strictObject({
  version: z.literal(1),
  requests: z
    .array(
      z.strictObject({
        source: z.string().max(100),
        id: z.custom<string>((id) => parseGuid(id) !== undefined, "must be a GUID"),
        by: z.string().max(200),
        at: z.iso.datetime(),
      }),
    )
    .max(10_000),
});

/** Undefined where the text is no valid document. */
export function parseRefreshRequests(text: string): RefreshRequestsDocument | undefined {
  try {
    return requests.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** As it is written: for people too. */
export function refreshRequestsText(document: RefreshRequestsDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Reads the requests again only where they have changed. */
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
