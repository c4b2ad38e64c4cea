import type { AccessPolicy } from "./access-policy.ts";
import type { PolicyProblem } from "./problem.ts";
import type { Suspensions } from "./suspensions.ts";

/** Where the policy is stored. A missing policy counts as a failed read. */
export type PolicySource = DocumentSource<AccessPolicy>;

/** Where the suspensions are stored, beside the policy. A missing document counts as one without entries. */
export type SuspensionsSource = DocumentSource<Suspensions>;

/** A document that operators write. */
export interface DocumentSource<T> {
  /** `etag`: the version that is already known, if any; it is not sent again. Throws if the document cannot be read. */
  read(etag: string | undefined): Promise<Reading<T>>;
}

export type Reading<T> =
  | { changed: false }
  | { changed: true; etag: string; value: T }
  | { changed: true; etag: string; problems: readonly PolicyProblem[] };
