import type { AccessPolicy } from "./access-policy.ts";
import type { PolicyProblem } from "./problem.ts";
import type { Suspensions } from "./suspensions.ts";

/** Where the policy lies. One that is not there cannot be read. */
export type PolicySource = DocumentSource<AccessPolicy>;

/** Where the suspensions lie, beside the policy. A document that is not there is one without entries. */
export type SuspensionsSource = DocumentSource<Suspensions>;

/** A document that operators write. */
export interface DocumentSource<T> {
  /** `etag` is of a version that is known, if any: that one is not sent again. Throws when it cannot be read. */
  read(etag: string | undefined): Promise<Reading<T>>;
}

export type Reading<T> =
  | { changed: false }
  | { changed: true; etag: string; value: T }
  | { changed: true; etag: string; problems: readonly PolicyProblem[] };
