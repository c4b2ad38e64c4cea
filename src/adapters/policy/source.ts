import type { PolicySource, SuspensionsSource } from "../../domain/policy/ports.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { compileSuspensions, suspendsNothing } from "../../domain/policy/suspensions.ts";
import { policyTextSteps } from "./compile-text.ts";
import { isAbsent, type ReadText } from "./place.ts";
import { inSlices, type Pauses } from "./slices.ts";
import { parseSuspensions } from "./suspensions-schema.ts";

/** Reads and compiles the policy, in slices, so that a large one does not delay requests. */
export function createPolicySource(
  readText: ReadText,
  context: Omit<PolicyContext, "nowMs">,
  clock: () => number,
  pauses?: Pauses,
): PolicySource {
  return {
    async read(etag) {
      const file = await readText(etag);
      if (!file) return { changed: false };
      const compiled = await inSlices(policyTextSteps(file.text, { ...context, nowMs: clock() }), pauses);
      const changed = { changed: true as const, etag: file.etag };
      return "problems" in compiled ? { ...changed, ...compiled } : { ...changed, value: compiled.policy };
    },
  };
}

/** Used as the ETag of a document that does not exist. */
const absent = "absent";

/** Reads the suspensions. Without a document nothing is suspended. */
export function createSuspensionsSource(readText: ReadText): SuspensionsSource {
  return {
    async read(etag) {
      let file: Awaited<ReturnType<ReadText>>;
      try {
        file = await readText(etag === absent ? undefined : etag);
      } catch (error) {
        if (!isAbsent(error)) throw error;
        if (etag === absent) return { changed: false };
        return { changed: true, etag: absent, value: suspendsNothing };
      }
      if (!file) return { changed: false };
      const document = parseSuspensions(file.text);
      const changed = { changed: true as const, etag: file.etag };
      return Array.isArray(document)
        ? { ...changed, problems: document }
        : { ...changed, value: compileSuspensions(document) };
    },
  };
}
