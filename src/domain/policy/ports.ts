import type { AccessPolicy } from "./access-policy.ts";
import type { PolicyProblem } from "./problem.ts";

/** Where the policy lies. Throws when it cannot be read; a policy that is not there cannot be read either. */
export interface PolicySource {
  /** `etag` is of the reading before, if any: an unchanged policy is not sent again. */
  read(etag: string | undefined): Promise<PolicyReading>;
}

export type PolicyReading =
  | { changed: false }
  | { changed: true; etag: string; policy: AccessPolicy }
  | { changed: true; etag: string; problems: readonly PolicyProblem[] };
