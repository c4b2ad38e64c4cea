import { randomUUID } from "node:crypto";
import { chmod, link, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import type { TokenCredential } from "@azure/identity";
import { type DocumentPlace, isAbsent, readTextFile } from "../../adapters/policy/place.ts";
import { openBlob, patience } from "../../adapters/storage/clients.ts";

/** Where the policy or another operators' document is stored, for reading and changing it. */
export interface PolicyPlace {
  /** For messages. */
  name: string;
  /** Throws where it cannot be read, or is not there (`isAbsent`). */
  read(): Promise<{ text: string; etag: string }>;
  /**
   * Writes only over the version that was read, or only if there is none if undefined (RFC 9110 §13.1.1). Throws where
   * it cannot be written.
   */
  write(text: string, etag: string | undefined): Promise<"written" | "changed_since">;
}

/** Who acts. The app's own identity may read the policy but not write it. */
interface PolicyActors {
  reader: () => TokenCredential;
  writer: () => TokenCredential;
}

/** The place that the settings name. Credentials are asked for a policy in blob storage only. */
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
      // Renamed in one step, so that an instance never reads half a policy. Files have no If-Match, so a race remains
      // between this reading and the renaming. A new file is linked instead, which replaces none.
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
