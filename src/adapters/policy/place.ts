import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { openBlob, patience } from "../storage/clients.ts";

/** Where an operators' document is stored: in a file beside the app, or in blob storage. */
export type DocumentPlace = { file: string } | { blobUrl: string };

/** The text of a document; undefined if its ETag is still this one. Throws if it cannot be read. */
export type ReadText = (etag: string | undefined) => Promise<{ etag: string; text: string } | undefined>;

/**
 * The place of a document that belongs to a policy: the suspensions of `policy.json` are in `policy.suspensions.json`.
 * So two policies in one folder have separate documents.
 */
export function besidePolicy(policy: DocumentPlace, what: string): DocumentPlace {
  const rename = (path: string) => `${path.replace(/\.json$/, "")}.${what}.json`;
  return "file" in policy ? { file: rename(policy.file) } : { blobUrl: rename(policy.blobUrl) };
}

/**
 * Reads the document at a place; a blob only if its ETag has changed. A request may wait for this, so the deadline is
 * short. After the deadline the version read earlier stays in force.
 */
export function readerOf(place: DocumentPlace, credential: () => TokenCredential): ReadText {
  return "file" in place ? readTextFile(place.file) : openBlob(place.blobUrl, credential(), patience.request).read;
}

/** Reads a file. Its ETag is the hash of its content, because file times are too coarse to distinguish two writes. */
export function readTextFile(path: string): ReadText {
  return async (etag) => {
    const text = await readFile(path, "utf8");
    const hash = createHash("sha256").update(text).digest("hex");
    return hash === etag ? undefined : { etag: hash, text };
  };
}

/** Whether a read error means that the document does not exist, rather than that it could not be reached. */
export function isAbsent(error: unknown): boolean {
  if (error instanceof RestError) return error.statusCode === 404 && error.code === "BlobNotFound";
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
