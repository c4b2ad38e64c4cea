import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { openBlob, patience } from "../storage/clients.ts";

/** Where a document of the operators lies: beside the app, or in blob storage. */
export type DocumentPlace = { file: string } | { blobUrl: string };

/** The text of a document, unless it is still the one with this ETag. Throws when it cannot be read. */
export type ReadText = (etag: string | undefined) => Promise<{ etag: string; text: string } | undefined>;

/**
 * The place of another document of the same policy, beside it: `policy.json` has its suspensions in
 * `policy.suspensions.json`. So two policies in one folder do not share them.
 */
export function besidePolicy(policy: DocumentPlace, what: string): DocumentPlace {
  const rename = (path: string) => `${path.replace(/\.json$/, "")}.${what}.json`;
  return "file" in policy ? { file: rename(policy.file) } : { blobUrl: rename(policy.blobUrl) };
}

/**
 * Reads the document at a place; a blob only when its ETag has changed. A request may wait for this, so the deadline is
 * short; if it passes, the version read earlier stays in force.
 */
export function readerOf(place: DocumentPlace, credential: () => TokenCredential): ReadText {
  return "file" in place ? readTextFile(place.file) : openBlob(place.blobUrl, credential(), patience.request).read;
}

/** A file's ETag is the hash of its content: times of files are too coarse to tell two writes apart. */
export function readTextFile(path: string): ReadText {
  return async (etag) => {
    const text = await readFile(path, "utf8");
    const hash = createHash("sha256").update(text).digest("hex");
    return hash === etag ? undefined : { etag: hash, text };
  };
}

/** Whether an error of a reading says that there is no such document, and not that it could not be reached. */
export function isAbsent(error: unknown): boolean {
  if (error instanceof RestError) return error.statusCode === 404 && error.code === "BlobNotFound";
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
