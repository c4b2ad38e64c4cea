import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { TokenCredential } from "@azure/identity";
import { compilePolicy } from "../../domain/policy/compile.ts";
import type { PolicySource } from "../../domain/policy/ports.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { openBlob, patience } from "../storage/clients.ts";
import { parsePolicyDocument } from "./schema.ts";

/** The text of the policy, unless it is still the one with this ETag. Throws when it cannot be read. */
type ReadPolicyText = (etag: string | undefined) => Promise<{ etag: string; text: string } | undefined>;

/** From text to compiled policy, wherever the text lies. */
export function createPolicySource(
  readText: ReadPolicyText,
  context: Omit<PolicyContext, "nowMs">,
  clock: () => number,
): PolicySource {
  return {
    async read(etag) {
      const file = await readText(etag);
      if (!file) return { changed: false };
      const document = parsePolicyDocument(file.text);
      const policy = Array.isArray(document) ? document : compilePolicy(document, { ...context, nowMs: clock() });
      const changed = { changed: true as const, etag: file.etag };
      return Array.isArray(policy) ? { ...changed, problems: policy } : { ...changed, policy };
    },
  };
}

/** The policy in a file. Its ETag is the hash of its content: times of files are too coarse to tell two writes apart. */
export function policyFile(path: string): ReadPolicyText {
  return async (etag) => {
    const text = await readFile(path, "utf8");
    const hash = createHash("sha256").update(text).digest("hex");
    return hash === etag ? undefined : { etag: hash, text };
  };
}

/**
 * The policy in blob storage; sent only when its ETag has changed. A request may wait for this reading, so it gives up
 * soon and the policy of before stays in force.
 */
export function policyBlob(url: string, credential: TokenCredential): ReadPolicyText {
  return openBlob(url, credential, patience.request).read;
}
