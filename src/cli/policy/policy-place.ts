import { randomUUID } from "node:crypto";
import { chmod, link, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import type { TokenCredential } from "@azure/identity";
import { type DocumentPlace, isAbsent, readTextFile } from "../../adapters/policy/place.ts";
import { openBlob, patience } from "../../adapters/storage/clients.ts";

/** Where the policy or another operators' document is stored, for reading and changing it. */
export interface PolicyPlace {
  /** For messages. */
  name: string;
  /** Throws if it cannot be read or does not exist (`isAbsent`). */
  read(): Promise<{ text: string; etag: string }>;
  /**
   * Replaces only the version with this ETag; with undefined, writes only if there is no document (RFC 9110 §13.1.1).
   * Throws if it cannot be written.
   */
  write(text: string, etag: string | undefined): Promise<"written" | "changed_since">;
}

/** Credentials for reading and writing. The app's own identity may read the policy but not write it. */
interface PolicyActors {
  reader: () => TokenCredential;
  writer: () => TokenCredential;
}

/** The place that the settings name. Credentials are used only for a policy in blob storage. */
export function policyPlaceOf(place: DocumentPlace, actors: PolicyActors): PolicyPlace {
  return "file" in place ? filePlace(place.file) : blobPlace(place.blobUrl, actors);
}

/** A document in a file. Its ETag is the hash of its content; `path` may be a symbolic link, which stays one. */
export function filePlace(path: string): PolicyPlace {
  const readText = readTextFile(path);
  const read = async () => (await readText(undefined)) ?? { text: "", etag: "" };
  return {
    name: path,
    read,
    async write(text, etag) {
      const target = await realpath(path).catch((error: unknown) => {
        if (isAbsent(error)) return path;
        throw error;
      });
      // The draft is renamed in one step, so that an instance never reads half a policy. Files have no If-Match, so a
      // race remains between this read and the rename. A new file is linked instead, so that no existing file is
      // replaced.
      const draft = `${target}.${randomUUID()}.new`;
      try {
        await writeFile(draft, text, { flag: "wx" });
        if (etag === undefined) return await create(draft, target);
        await chmod(draft, (await stat(target)).mode);
        if ((await read()).etag !== etag) return "changed_since";
        await rename(draft, target);
      } catch (error) {
        if (etag !== undefined && isAbsent(error)) return "changed_since";
        throw error;
      } finally {
        await rm(draft, { force: true });
      }
      return "written";
    },
  };
}

async function create(draft: string, target: string): Promise<"written" | "changed_since"> {
  try {
    await link(draft, target);
    return "written";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return "changed_since";
    throw error;
  }
}

function blobPlace(url: string, { reader, writer }: PolicyActors): PolicyPlace {
  return {
    name: url,
    read: async () => (await openBlob(url, reader(), patience.refresh).read()) ?? { text: "", etag: "" },
    async write(text, etag) {
      const result = await openBlob(url, writer(), patience.refresh).write(text, etag);
      return result === "written" ? "written" : "changed_since";
    },
  };
}
