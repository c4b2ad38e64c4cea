import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ReadPolicyText } from "./source.ts";

/** The policy in a file. Its ETag is the hash of its content: times of files are too coarse to tell two writes apart. */
export function policyFile(path: string): ReadPolicyText {
  return async (etag) => {
    const text = await readFile(path, "utf8");
    const hash = createHash("sha256").update(text).digest("hex");
    return hash === etag ? undefined : { etag: hash, text };
  };
}
