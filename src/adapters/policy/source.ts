import { compilePolicy } from "../../domain/policy/compile.ts";
import type { PolicySource } from "../../domain/policy/ports.ts";

import type { PolicyContext } from "../../domain/policy/problem.ts";
import { parsePolicyDocument } from "./schema.ts";

/** The text of the policy, unless it is still the one with this ETag. Throws when it cannot be read. */
export type ReadPolicyText = (etag: string | undefined) => Promise<{ etag: string; text: string } | undefined>;

/** From text to compiled policy, wherever the text lies. */
export function createPolicySource(readText: ReadPolicyText, context: PolicyContext): PolicySource {
  return {
    async read(etag) {
      const file = await readText(etag);
      if (!file) return { changed: false };
      const document = parsePolicyDocument(file.text);
      const policy = Array.isArray(document) ? document : compilePolicy(document, context);
      const changed = { changed: true as const, etag: file.etag };
      return Array.isArray(policy) ? { ...changed, problems: policy } : { ...changed, policy };
    },
  };
}
