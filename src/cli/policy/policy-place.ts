import { chmod, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import type { TokenCredential } from "@azure/identity";
import { policyFile } from "../../adapters/policy/source.ts";
import { openBlob, patience } from "../../adapters/storage/clients.ts";
import type { Config } from "../../config.ts";

/** Where the policy lies, for reading and for changing it. */
export interface PolicyPlace {
  /** For messages. */
  name: string;
  /** Throws where it cannot be read. */
  read(): Promise<{ text: string; etag: string }>;
  /** Only over the text that was read (RFC 9110 §13.1.1). Throws where it cannot be written. */
  write(text: string, etag: string): Promise<"written" | "changed_since">;
}

/** The place that the settings name. `credential` is asked for a policy in blob storage only. */
export function policyPlaceOf(place: Config["policy"], credential: () => TokenCredential): PolicyPlace {
  return "file" in place ? filePlace(place.file) : blobPlace(place.blobUrl, credential());
}

/** A policy in a file. Its ETag is the hash of its content; `path` may be a symbolic link, which stays one. */
export function filePlace(path: string): PolicyPlace {
  const read = policyFile(path);
  const readNow = async () => (await read(undefined)) ?? { text: "", etag: "" };
  return {
    name: path,
    read: readNow,
    async write(text, etag) {
      const target = await realpath(path);
      const { mode } = await stat(target);
      // Renamed in one step, so that an instance never reads half a policy. Files know no If-Match: what is left is the
      // moment between this reading and the renaming.
      const draft = `${target}.${process.pid}.new`;
      try {
        await writeFile(draft, text, { flag: "wx" });
        await chmod(draft, mode);
        if ((await readNow()).etag !== etag) return "changed_since";
        await rename(draft, target);
      } finally {
        await rm(draft, { force: true });
      }
      return "written";
    },
  };
}

function blobPlace(url: string, credential: TokenCredential): PolicyPlace {
  const blob = openBlob(url, credential, patience.refresh);
  return {
    name: url,
    read: async () => (await blob.read()) ?? { text: "", etag: "" },
    write: async (text, etag) => ((await blob.write(text, etag)) === "written" ? "written" : "changed_since"),
  };
}
